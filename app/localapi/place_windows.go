package localapi

// DefaultSocket is where the installed service listens. On Windows the admin socket is a named pipe; a path that is not one stands
// for a pipe of its own.
const DefaultSocket = pipePrefix + "foyer-admin"
