//go:build !nogui

package displaylibs

// const char *foyer_load_gl(void);
import "C"

import "errors"

// Load loads OpenGL. It is to be called before the first window is opened; a second call does no harm. The error names
// what is missing.
func Load() error {
	if reason := C.foyer_load_gl(); reason != nil {
		return errors.New(C.GoString(reason))
	}
	return nil
}
