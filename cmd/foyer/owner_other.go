//go:build !linux

package main

// asOwnerOf does the work. Only Linux has services here whose data belong to another user than the one who restores.
func asOwnerOf(_ string, work func() error) error { return work() }
