//go:build !nogui

#include <windows.h>

static PROC WINAPI none(LPCSTR name)
{
	(void)name;
	return NULL;
}

// The linker takes this for the entry in the table of imports, which then has no need of OPENGL32.dll.
PROC(WINAPI *__imp_wglGetProcAddress)(LPCSTR) = none;

// Returns NULL, or what is wrong.
const char *foyer_load_gl(void)
{
	HMODULE gl = LoadLibraryA("opengl32.dll");
	if (gl == NULL)
		return "OPENGL32.dll is missing: this Windows has no OpenGL";
	FARPROC get = GetProcAddress(gl, "wglGetProcAddress");
	if (get == NULL)
		return "OPENGL32.dll is not what it should be: it has no wglGetProcAddress";
	__imp_wglGetProcAddress = (PROC(WINAPI *)(LPCSTR))(void *)get;
	return NULL;
}
