package app_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"foyer/app"
)

func TestNameKeySorts(t *testing.T) {
	names := [][2]string{{"Ján", "Šimko"}, {"Eva", "Čech"}, {"Eva", "cedar"}, {"Adam", "Čech"}, {"Jo", "Cecil"}, {"Éva", "Zima"}, {"Eva", "Zima"}, {"Li", "李"}}
	slices.SortStableFunc(names, func(a, b [2]string) int {
		return slices.Compare([]string{app.NameKey(a[0], a[1])}, []string{app.NameKey(b[0], b[1])})
	})
	want := [][2]string{{"Adam", "Čech"}, {"Eva", "Čech"}, {"Jo", "Cecil"}, {"Eva", "cedar"}, {"Ján", "Šimko"}, {"Éva", "Zima"}, {"Eva", "Zima"}, {"Li", "李"}}
	if !slices.Equal(names, want) {
		t.Errorf("got  %v\nwant %v", names, want)
	}
}

var actionConstant = regexp.MustCompile(`(?m)^\tAct\w+ +Action = "(.*?)"`)

// TestActionsAreAll compares the list of actions with what stands in the source.
func TestActionsAreAll(t *testing.T) {
	source, err := os.ReadFile("audit.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []app.Action
	for _, match := range actionConstant.FindAllStringSubmatch(string(source), -1) {
		want = append(want, app.Action(match[1]))
	}
	if got := app.Actions(); !slices.Equal(got, want) || len(got) < 40 {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestShortBrowser(t *testing.T) {
	long := strings.Repeat("ž", 150)
	for in, want := range map[string]string{
		"": "", " Firefox\x00/1\x1b[2J\u202e \xff": "Firefox/1[2J", long: long[:200], "\u2800\u3164": "",
	} {
		if got := app.ShortBrowser(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
