// Package access knows who may call the API: tokens, kept hashed, and what each may do.
package access
