package app

import (
	"math"
	"strconv"
	"strings"
)

// SizeWords returns a number of bytes as people read it, as in "12.5 MB". A KB has 1024 bytes, as on the disks of those who read it.
func SizeWords(n int64) string {
	const step = 1024
	value, units := float64(n), []string{" B", " KB", " MB", " GB", " TB"}
	for math.Abs(value) >= step && len(units) > 1 {
		value, units = value/step, units[1:]
	}
	digits := 1
	if math.Abs(value) >= 100 {
		digits = 0
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', digits, 64), ".0") + units[0]
}
