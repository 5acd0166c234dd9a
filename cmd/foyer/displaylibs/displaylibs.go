//go:build !nogui

// Package displaylibs loads what the desktop program needs of the system's graphics when it is opened, and not when the
// binary starts: the same binary runs the service on a machine that has neither X11 nor OpenGL. Only cmd/foyer imports it.
//
// The one function that the bindings of OpenGL take from a library is defined here, so that the linker has no need of
// that library. GLFW loads X11 by itself.
package displaylibs
