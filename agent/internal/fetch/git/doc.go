// Package git makes an archive of a repository as it is at a branch, tag or commit: over HTTP or SSH, without a git
// program, within limits that neither the server nor the repository can exceed.
package git
