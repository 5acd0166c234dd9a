//go:build !nogui

package main_test

// buildTags are those that the program under test is built with: the ones of these tests, so that what is tested is what
// was asked for.
const buildTags = "x11,migrated_fynedo,no_emoji"
