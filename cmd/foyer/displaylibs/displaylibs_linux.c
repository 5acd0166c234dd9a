//go:build !nogui

#include <dlfcn.h>
#include <stddef.h>

typedef void (*function)(void);

static function (*get_proc_address)(const unsigned char *);

// Hidden: the libraries must go on to find their own.
__attribute__((visibility("hidden"))) function glXGetProcAddress(const unsigned char *name)
{
	return get_proc_address == NULL ? NULL : get_proc_address(name);
}

// Both return NULL, or what is wrong. What is loaded stays loaded.

const char *foyer_load_x11(void)
{
	return dlopen("libX11.so.6", RTLD_NOW | RTLD_GLOBAL) == NULL ? dlerror() : NULL;
}

const char *foyer_load_gl(void)
{
	void *gl = dlopen("libGL.so.1", RTLD_NOW | RTLD_GLOBAL);
	if (gl == NULL)
		return dlerror();
	*(void **)&get_proc_address = dlsym(gl, "glXGetProcAddress");
	return get_proc_address == NULL ? dlerror() : NULL;
}
