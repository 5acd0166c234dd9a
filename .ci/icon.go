// Command icon makes an icon for Windows of a square PNG: go run .ci/icon.go FROM.png TO.ico
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "icon:", err)
		os.Exit(1)
	}
}

// run makes the icon in the sizes that Windows asks for.
func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: go run .ci/icon.go FROM.png TO.ico")
	}
	from, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	whole, err := png.Decode(bytes.NewReader(from))
	if err != nil {
		return err
	}
	var pictures [][]byte
	sizes := []int{256, 64, 48, 32, 24, 16}
	for _, size := range sizes {
		var picture bytes.Buffer
		if err := png.Encode(&picture, smaller(whole, size)); err != nil {
			return err
		}
		pictures = append(pictures, picture.Bytes())
	}
	ico, err := pack(sizes, pictures)
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], ico, 0o644)
}

// smaller returns a picture of size by size pixels, each the mean of those in its place.
func smaller(whole image.Image, size int) image.Image {
	b := whole.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			var red, green, blue, alpha, n uint32
			for v := b.Min.Y + y*b.Dy()/size; v < b.Min.Y+(y+1)*b.Dy()/size; v++ {
				for u := b.Min.X + x*b.Dx()/size; u < b.Min.X+(x+1)*b.Dx()/size; u++ {
					r, g, b, a := whole.At(u, v).RGBA()
					red, green, blue, alpha, n = red+r>>8, green+g>>8, blue+b>>8, alpha+a>>8, n+1
				}
			}
			n = max(n, 1)
			to.SetRGBA(x, y, color.RGBA{uint8(red / n), uint8(green / n), uint8(blue / n), uint8(alpha / n)})
		}
	}
	return to
}

// pack returns PNG files as one icon: a header, an entry of 16 bytes each, and the files.
func pack(sizes []int, pictures [][]byte) ([]byte, error) {
	var ico bytes.Buffer
	put := func(values ...any) (err error) {
		for _, value := range values {
			err = errors.Join(err, binary.Write(&ico, binary.LittleEndian, value))
		}
		return err
	}
	err := put(uint16(0), uint16(1), uint16(len(pictures)))
	offset := 6 + 16*len(pictures)
	for i, picture := range pictures {
		side := uint8(sizes[i]) // 256 is written as 0
		err = errors.Join(err, put(side, side, uint8(0), uint8(0), uint16(1), uint16(32), uint32(len(picture)), uint32(offset)))
		offset += len(picture)
	}
	return append(ico.Bytes(), bytes.Join(pictures, nil)...), err
}
