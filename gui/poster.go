package gui

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// poster is a sheet for the office's door: where customers create their account, as a QR code and as text.
type poster struct {
	office  string
	heading string
	hint    string
	address string
}

// A5 at 300 dots to the inch.
const (
	posterWidth  = 1748
	posterHeight = 2480
	posterMargin = 140
	posterDPI    = 300
)

// draw returns the sheet as a picture.
func (p poster) draw() (image.Image, error) {
	sheet := &sheet{Gray: image.NewGray(image.Rect(0, 0, posterWidth, posterHeight))}
	for i := range sheet.Pix {
		sheet.Pix[i] = 0xff
	}
	bold, err := opentype.Parse(theme.DefaultTextBoldFont().Content())
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	plain, err := opentype.Parse(theme.DefaultTextFont().Content())
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	side := posterWidth - 2*posterMargin
	code := drawQR(encodeQR(p.address), side, side)
	y := posterMargin
	for _, step := range []struct {
		text  string
		font  *opentype.Font
		size  float64
		lines int
		after int
	}{
		{p.office, bold, 110, 2, 50},
		{p.heading, plain, 82, 2, 20},
	} {
		if y, err = sheet.write(step.font, step.text, step.size, step.lines, y); err != nil {
			return nil, err
		}
		y += step.after
	}
	draw.Draw(sheet, image.Rect(posterMargin, y, posterMargin+side, y+side), code, image.Point{}, draw.Src)
	y += side + 10
	if y, err = sheet.write(plain, p.hint, 54, 2, y); err != nil {
		return nil, err
	}
	_, err = sheet.write(bold, p.address, 68, 3, y+20)
	return sheet, err
}

// sheet is a picture to write on.
type sheet struct{ *image.Gray }

// write writes a text in the middle of the sheet from y down, in at most so many lines, as large as they allow but not larger than
// size. It returns where the last line ends.
func (s *sheet) write(f *opentype.Font, text string, size float64, lines, y int) (int, error) {
	room := fixed.I(posterWidth - 2*posterMargin)
	for ; ; size *= 0.9 {
		face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72})
		if err != nil {
			return y, fmt.Errorf("make letters: %w", err)
		}
		broken := breakLines(face, text, room)
		if len(broken) <= lines || size < 24 {
			y = s.lines(face, broken, y)
			return y, face.Close()
		}
		if err := face.Close(); err != nil {
			return y, fmt.Errorf("leave letters: %w", err)
		}
	}
}

func (s *sheet) lines(face font.Face, lines []string, y int) int {
	metrics := face.Metrics()
	for _, line := range lines {
		d := font.Drawer{Dst: s, Src: image.NewUniform(color.Black), Face: face}
		d.Dot = fixed.Point26_6{X: (fixed.I(posterWidth) - d.MeasureString(line)) / 2, Y: fixed.I(y) + metrics.Ascent}
		d.DrawString(line)
		y += metrics.Height.Ceil()
	}
	return y
}

// breakLines breaks a text between its words, or, where one word is wider than the room, as an address may be, before a "/", "." or
// "-" of it, or else anywhere.
func breakLines(face font.Face, text string, room fixed.Int26_6) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		joined := strings.TrimPrefix(line+" "+word, " ")
		if font.MeasureString(face, joined) <= room {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for font.MeasureString(face, word) > room {
			n := fitting(face, word, room)
			lines = append(lines, word[:n])
			word = word[n:]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// fitting returns how many bytes of a word that is too wide stand in the first line.
func fitting(face font.Face, word string, room fixed.Int26_6) int {
	fits, good := 0, 0
	for i, r := range word {
		if font.MeasureString(face, word[:i]) > room {
			break
		}
		fits = i
		if strings.ContainsRune("/.-?&", r) {
			good = i
		}
	}
	switch {
	case good > 0:
		return good
	case fits > 0:
		return fits
	default:
		return len(string([]rune(word)[:1]))
	}
}

// encodePoster returns the sheet as a PNG file that says how large it is on paper.
func encodePoster(img image.Image) ([]byte, error) {
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("encode the poster: %w", err)
	}
	return withResolution(out.Bytes(), posterDPI), nil
}

// withResolution adds a pHYs chunk to a PNG, behind its IHDR: without one, printers choose a size of their own.
func withResolution(file []byte, dpi int) []byte {
	const head = 8 + 8 + 13 + 4 // the signature and IHDR
	perMetre := uint32(float64(dpi)/0.0254 + 0.5)
	chunk := []byte("pHYs")
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = binary.BigEndian.AppendUint32(chunk, perMetre)
	chunk = append(chunk, 1) // the unit is the metre
	out := append([]byte{}, file[:head]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(chunk)-4)) //nolint:gosec // 9
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(out, file[head:]...)
}

// posterName is the name a saved sheet is given first.
func posterName() string { return tr("home.poster.file") + ".png" }

// writeAll writes a file and closes it.
func writeAll(w fyne.URIWriteCloser, data []byte) error {
	_, err := w.Write(data)
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}
