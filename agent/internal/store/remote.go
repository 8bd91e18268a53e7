package store

import "context"

// remoteKey is where a context holds the address that a request came from.
type remoteKey struct{}

// WithRemote is a context for what is done on behalf of a request from an address. Audit rows that are added in an Update
// with it get the address.
func WithRemote(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, remoteKey{}, address)
}

// Remote is the address of the request that a context belongs to, "" for none.
func Remote(ctx context.Context) string {
	address, _ := ctx.Value(remoteKey{}).(string)
	return address
}
