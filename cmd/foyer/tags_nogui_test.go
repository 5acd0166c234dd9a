//go:build nogui

package main_test

// buildTags are those that the program under test is built with.
const buildTags = "nogui"
