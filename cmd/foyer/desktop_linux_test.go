//go:build !nogui

package main_test

import (
	"bytes"
	bin "encoding/binary"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// desktop is the desktop program on a display. Of what its window shows, the picture can be had, and what it notes in its log.
type desktop struct {
	tb      testing.TB
	display *display
	cmd     *exec.Cmd
	log     *lockedBuffer
	window  string
	read    int // how much of the log was read
}

// open starts the desktop program for the service of a data directory and waits for its window.
func (d *display) open(env []string, dir string) *desktop {
	d.tb.Helper()
	path, err := binary()
	if err != nil {
		d.tb.Fatal(err)
	}
	p := &desktop{tb: d.tb, display: d, log: &lockedBuffer{}}
	p.cmd = exec.CommandContext(d.tb.Context(), path, "gui", "--data", dir, "--log-level", "debug")
	p.cmd.Env, p.cmd.Stderr = env, p.log
	if err := p.cmd.Start(); err != nil {
		d.tb.Fatal(err)
	}
	p.window = d.window()
	d.xdotool("windowfocus", "--sync", p.window)
	return p
}

// end closes the window and waits for the program's end.
func (p *desktop) end() {
	p.tb.Helper()
	p.display.close(p.window)
	if err := p.cmd.Wait(); err != nil {
		p.tb.Errorf("the desktop program: %v\n%s", err, p.log)
	}
	for line := range strings.Lines(p.log.String()) {
		if !strings.HasPrefix(line, "time=") || strings.Contains(line, "level=ERROR") {
			p.tb.Errorf("the desktop program logged %s", line)
		}
	}
}

// sees waits until the program notes in its log that it shows something, after what it was seen to note before.
func (p *desktop) sees(note string) {
	p.tb.Helper()
	eventually(p.tb, "the desktop program notes "+note, func() bool {
		i := strings.Index(p.log.String()[p.read:], note)
		if i >= 0 {
			p.read += i + len(note)
		}
		return i >= 0
	})
}

// press presses keys, one after the other.
func (p *desktop) press(keys ...string) { p.display.xdotool(append([]string{"key"}, keys...)...) }

// enter types a text.
func (p *desktop) enter(text string) { p.display.xdotool("type", text) }

// picture waits until the display shows the same for a while, and returns that.
func (p *desktop) picture() *image.NRGBA {
	p.tb.Helper()
	var before []byte
	same := 0
	eventually(p.tb, "the display shows the same for a while", func() bool {
		now := p.display.pixels()
		if !bytes.Equal(before, now) {
			same = 0
		}
		before = now
		same++
		return same > 10
	})
	return p.display.image(before)
}

// shoot keeps a picture of the display.
func (p *desktop) shoot(name string) *image.NRGBA {
	p.tb.Helper()
	if err := os.MkdirAll(shotFolder, 0o750); err != nil {
		p.tb.Fatal(err)
	}
	picture := p.picture()
	var data bytes.Buffer
	if err := png.Encode(&data, picture); err != nil {
		p.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shotFolder, "gui-"+name+".png"), data.Bytes(), 0o600); err != nil {
		p.tb.Fatal(err)
	}
	return picture
}

// pixels returns the X server's picture as it keeps it, in the format of xwd.
func (d *display) pixels() []byte {
	d.tb.Helper()
	data, err := os.ReadFile(filepath.Join(d.frames, "Xvfb_screen0"))
	if err != nil {
		d.tb.Fatal(err)
	}
	return data
}

// image returns a picture of the X server's as an image.
func (d *display) image(xwd []byte) *image.NRGBA {
	d.tb.Helper()
	field := func(i int) int { return int(bin.BigEndian.Uint32(xwd[4*i:])) }
	const header, width, height, bits, line, colors = 0, 4, 5, 11, 12, 19
	if len(xwd) < 100 || field(bits) != 32 {
		d.tb.Fatalf("Xvfb keeps a picture of %d bytes in an unknown format", len(xwd))
	}
	pixels := xwd[field(header)+12*field(colors):]
	m := image.NewNRGBA(image.Rect(0, 0, field(width), field(height)))
	for y := range field(height) {
		for x := range field(width) {
			p := pixels[y*field(line)+4*x:]
			m.SetNRGBA(x, y, color.NRGBA{R: p[2], G: p[1], B: p[0], A: 255})
		}
	}
	return m
}

// changed returns the part of a picture in which another one differs.
func changed(a, b *image.NRGBA) image.Rectangle {
	var r image.Rectangle
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			if a.NRGBAAt(x, y) != b.NRGBAAt(x, y) {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

// TestDesktop is the way of an office from the first start to the first customer, through the window of the built binary: the
// first set-up with the keyboard alone, and then an account that appears in the list while nothing is touched.
func TestDesktop(t *testing.T) {
	display := newDisplay(t)
	office := newPostOffice(t)
	dir := t.TempDir()
	p := serve(t, dir)
	env := display.env()
	gui := display.open(env, dir)
	setUp(t, p, gui)

	p.run(office.settings()...)
	gui.press("ctrl+4")
	gui.sees(`msg="page shown" page=users`)
	gui.sees(`msg="list shown" list=accounts rows=0 total=0`)
	before := gui.shoot("users-none")
	signUp(t, p, office)
	gui.sees(`msg="list shown" list=accounts rows=1 total=1`)
	after := gui.shoot("users-first")
	// The list is the right lower part of the window.
	if r := changed(before, after); r.Intersect(image.Rect(300, 300, 1200, 760)).Dx() < 200 {
		t.Errorf("the account is in the list, but only %v has changed in the window", r)
	}

	display.xdotool("windowsize", "--sync", gui.window, "1100", "700")
	gui.picture() // a window takes a size over with a frame
	gui.press("ctrl+5")
	gui.sees(`msg="page shown" page=mail`)
	gui.press("ctrl+6")
	gui.sees(`msg="page shown" page=log`)
	gui.end()
	gui = display.open(env, dir)
	gui.sees(`msg="page shown" page=log`)
	eventually(t, "opened again the window has the size it had", func() bool { // the page may be there before the size
		return strings.Contains(display.xdotool("getwindowgeometry", gui.window), "Geometry: 1100x700")
	})
	if strings.Contains(gui.log.String(), "page=wizard") {
		t.Error("the first set-up comes again")
	}
	gui.end()
}

// setUp goes through the first set-up.
func setUp(t *testing.T, p *process, gui *desktop) {
	t.Helper()
	gui.sees(`msg="step shown" step=office`)
	gui.sees(`msg="settings shown" keys="site_name contact"`)
	gui.press("ctrl+a")
	gui.enter("Novak & Partners")
	gui.press("Tab")
	gui.enter("reception, +421 2 555")
	gui.shoot("wizard-1-office")
	gui.press("Return")
	gui.sees(`msg="step shown" step=address`)
	gui.sees(`msg="address shown"`)
	gui.press("Return")
	gui.sees(`msg="step shown" step=mail`)
	gui.shoot("wizard-3-mail")
	gui.press("space") // the button that goes on
	gui.sees(`msg="new company shown"`)
	gui.enter("Acme Ltd")
	gui.press("Tab")
	gui.enter("acme.example bob@mail.example ")
	gui.shoot("wizard-4-company")
	gui.press("Return")
	gui.sees(`msg="step shown" step=link`)
	gui.sees(`msg="settings shown" keys=login_link`)
	gui.press("space", "Tab", "Tab", "Tab", "space") // switch it on; past "Back" and "Later"
	gui.sees(`msg="step shown" step=connectors`)
	gui.press("space")
	gui.sees(`msg="step shown" step=done`)
	gui.shoot("wizard-7-done")
	gui.press("space")
	gui.sees(`msg="page shown" page=home`)
	gui.shoot("home-first")

	settings := query[map[string]any](p, "settings", "get")
	for key, want := range map[string]string{"site_name": "Novak & Partners", "contact": "reception, +421 2 555", "login_link": "on"} {
		if got := settings[key]; got != want {
			t.Errorf("after the first set-up %s is %v, want %q", key, got, want)
		}
	}
	if companies := p.run("company", "list"); !strings.Contains(companies, "Acme Ltd") || !strings.Contains(companies, "acme.example bob@mail.example") {
		t.Errorf("after the first set-up the companies are\n%s", companies)
	}
}

// signUp makes the first account, in a browser.
func signUp(t *testing.T, p *process, office *postOffice) {
	t.Helper()
	b := newBrowser(t, "en")
	b.open(p.url + "/login")
	b.sees("/login", "Novak & Partners")
	b.click(`//a[@href="/register"]`)
	b.fill(map[string]string{"first_name": "Jana", "last_name": "Malá", "email": "jana@acme.example"})
	b.submit("first_name")
	b.sees("/register/sent")
	b.open(office.next(t, "jana@acme.example").find(t, confirmLink))
	b.fill(map[string]string{"password": firstPassword, "password_confirm": firstPassword})
	b.submit("password_confirm")
	b.sees("/login")
}
