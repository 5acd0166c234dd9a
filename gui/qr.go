package gui

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
	"rsc.io/qr"
)

// quiet is how many modules around a QR code must be white (ISO/IEC 18004, 9.1).
const quiet = 4

// qrView shows a text as a QR code: black on white in both themes, as cameras want it.
type qrView struct {
	widget.BaseWidget
	side float32
	code *qr.Code // nil for none
}

func newQR(side float32) *qrView {
	q := &qrView{side: side}
	q.ExtendBaseWidget(q)
	return q
}

// show shows another text. What is too long for a code shows none.
func (q *qrView) show(text string) {
	q.code = encodeQR(text)
	q.Refresh()
}

// encodeQR returns the code of a text that can be read with an eighth of it soiled, or nil when the text is too long.
func encodeQR(text string) *qr.Code {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil // its only error
	}
	return code
}

// CreateRenderer returns what draws the code.
func (q *qrView) CreateRenderer() fyne.WidgetRenderer {
	raster := canvas.NewRaster(func(w, h int) image.Image { return drawQR(q.code, w, h) })
	raster.ScaleMode = canvas.ImageScalePixels
	raster.SetMinSize(fyne.NewSquareSize(q.side))
	return &qrRenderer{WidgetRenderer: widget.NewSimpleRenderer(raster), raster: raster}
}

type qrRenderer struct {
	fyne.WidgetRenderer
	raster *canvas.Raster
}

func (r *qrRenderer) Refresh() { r.raster.Refresh() }

// drawQR draws a code in the middle of a white picture. Each module has the same whole number of pixels, so that all edges are
// sharp.
func drawQR(code *qr.Code, w, h int) image.Image {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	if code == nil {
		return img
	}
	module := max(min(w, h)/(code.Size+2*quiet), 1)
	left, top := (w-module*code.Size)/2, (h-module*code.Size)/2
	for y := range code.Size * module {
		for x := range code.Size * module {
			if code.Black(x/module, y/module) {
				img.SetGray(left+x, top+y, color.Gray{})
			}
		}
	}
	return img
}
