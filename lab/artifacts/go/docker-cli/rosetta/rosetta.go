// Package rosetta replaces a module that the public Go proxy does not serve. The docker client asks it whether it runs
// under Apple's Rosetta, which is never so on Linux.
package rosetta

// Enabled is false on Linux.
func Enabled() bool { return false }
