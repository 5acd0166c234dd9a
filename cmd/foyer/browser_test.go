package main_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is a Chromium window with a profile of its own.
type browser struct {
	tb    testing.TB
	ctx   context.Context
	shots string
}

// shotFolder is where pictures of the pages go; git ignores it.
const shotFolder = "../../build/screenshots"

func newBrowser(tb testing.TB, lang string) *browser {
	tb.Helper()
	path := ""
	for _, candidate := range []string{"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(candidate); err == nil {
			path = candidate
			break
		}
	}
	if path == "" {
		tb.Fatal("this test needs a browser: apt-get install chromium ('make test' does it)")
	}
	if err := os.MkdirAll(shotFolder, 0o750); err != nil {
		tb.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(tb.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("lang", lang),
		chromedp.Flag("accept-lang", lang), chromedp.WindowSize(1280, 900),
	)
	allocated, cancelAllocator := chromedp.NewExecAllocator(tb.Context(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	tb.Cleanup(func() {
		cancel()
		cancelAllocator()
	})
	b := &browser{tb: tb, ctx: ctx, shots: shotFolder}
	// The first run starts the browser, which lives as long as the context of that run: it must have no time limit.
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("start the browser: %v", err)
	}
	return b
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.tb.Helper()
	read(b, what, chromedp.Steps(steps...))
}

// read runs an action and returns what it gives.
func read[T any](b *browser, what string, action chromedp.Action[T]) T {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.tb.Fatalf("%s: %v", what, err)
	}
	return v
}

func (b *browser) open(address string) {
	b.tb.Helper()
	b.do("open "+address, chromedp.Navigate(address), chromedp.WaitReady(chromedp.CSS("main")))
}

// fill types into the fields of the form, by their names.
func (b *browser) fill(values map[string]string) {
	b.tb.Helper()
	for name, value := range values {
		selector := `main input[name="` + name + `"]`
		b.do("find "+name, chromedp.WaitVisible(chromedp.CSS(selector)))
		// What stands in the field is selected, so that typing replaces it, as a person would do it.
		read(b, "select "+name, chromedp.Evaluate[bool]("document.querySelector('"+selector+"').select() === undefined"))
		b.do("type "+name, typing(value))
	}
}

// typing replaces what is selected, with any characters a person could type.
func typing(text string) chromedp.Action[chromedp.Void] {
	if text == "" {
		return chromedp.KeyEvent(kb.Delete)
	}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	})
}

// submit presses the button of the form that has a field, and waits for the next page.
func (b *browser) submit(field string) {
	b.tb.Helper()
	b.click(`//form[.//input[@name="` + field + `"]]//button[@type="submit" or not(@type)]`)
}

// click presses what an XPath names, and waits for the next page of ours.
func (b *browser) click(xpath string) {
	b.tb.Helper()
	b.follow(xpath)
	b.do("wait for the next page", chromedp.WaitReady(chromedp.CSS("main")))
}

// follow presses what an XPath names, and waits for the next page, whoever's it is.
func (b *browser) follow(xpath string) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.Search(xpath))); err != nil {
		b.tb.Fatalf("click %s: %v\nat %s:\n%s", xpath, err, b.path(), b.text())
	}
}

func (b *browser) address() string {
	b.tb.Helper()
	return read(b, "read the address", chromedp.Location())
}

func (b *browser) path() string {
	b.tb.Helper()
	u, err := url.Parse(b.address())
	if err != nil {
		b.tb.Fatal(err)
	}
	return u.Path
}

func (b *browser) text() string {
	b.tb.Helper()
	return read(b, "read the page", chromedp.Text(chromedp.CSS("body")))
}

func (b *browser) html() string {
	b.tb.Helper()
	return read(b, "read the page", chromedp.OuterHTML(chromedp.CSS("html")))
}

// sees checks where the browser is and what the page says.
func (b *browser) sees(path string, words ...string) {
	b.tb.Helper()
	if got := b.path(); got != path && !strings.HasPrefix(got, path+"/") {
		b.tb.Errorf("the browser is at %s, want %s", got, path)
	}
	text := b.text()
	for _, word := range words {
		if !strings.Contains(text, word) {
			b.tb.Errorf("the page %s does not say %q:\n%s", path, word, text)
		}
	}
}

// shoot takes two pictures of the page: on a desk in the light, on a phone in the dark.
func (b *browser) shoot(name string) {
	b.tb.Helper()
	for _, view := range []struct {
		suffix        string
		width, height int64
		scheme        string
	}{
		{"desk", 1280, 900, "light"},
		{"phone", 390, 844, "dark"},
	} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: view.scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // a picture must not fall into a change of colours
		}}
		b.do("set the window for "+name, chromedp.EmulateViewport(view.width, view.height), emulate(media))
		png := read(b, "picture of "+name, chromedp.FullScreenshot(100))
		if err := os.WriteFile(filepath.Join(b.shots, name+"-"+view.suffix+".png"), png, 0o600); err != nil {
			b.tb.Fatal(err)
		}
	}
	b.do("back to the desk", chromedp.ResetViewport(), emulate(emulation.SetEmulatedMediaParams{}))
}

func emulate(media emulation.SetEmulatedMediaParams) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	})
}
