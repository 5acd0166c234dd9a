//go:build !nogui

package displaylibs

// #cgo LDFLAGS: -ldl
// const char *foyer_load_x11(void);
// const char *foyer_load_gl(void);
import "C"

import "fmt"

// Load loads X11 and OpenGL. It is to be called before the first window is opened; a second call does no harm. The error
// names the library that is missing and says how Debian and Ubuntu install it.
func Load() error {
	if reason := C.foyer_load_x11(); reason != nil {
		return missing(C.GoString(reason), "libx11-6")
	}
	if reason := C.foyer_load_gl(); reason != nil {
		return missing(C.GoString(reason), "libgl1 libgl1-mesa-dri")
	}
	return nil
}

// missing returns the error for a library. reason is what the dynamic linker says, and begins with the library's name.
func missing(reason, packages string) error {
	return fmt.Errorf("a library is missing, %s; on Debian and Ubuntu: sudo apt install %s", reason, packages)
}
