package git

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// checkPack refuses a pack whose objects would grow beyond the limits, before any of them is unpacked. The library takes
// care that none is larger than it says.
func checkPack(pack io.ReadSeeker, limits Limits) error {
	scanner := packfile.NewScanner(pack)
	_, count, err := scanner.Header()
	if err != nil {
		return fmt.Errorf("the server's answer is no pack: %w", err)
	}
	var total int64
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return fmt.Errorf("the server's pack is damaged: %w", err)
		}
		size, err := unpackedSize(scanner, header)
		if err != nil {
			return fmt.Errorf("the server's pack is damaged: %w", err)
		}
		if size > limits.Object {
			return fmt.Errorf("the repository has an object of %d bytes, more than the limit of %d", size, limits.Object)
		}
		if total += size; total > limits.Total {
			return fmt.Errorf("the repository's objects are larger than the limit of %d bytes", limits.Total)
		}
	}
	return nil
}

// unpackedSize is an object's size; that of a difference to another object is written at its beginning.
func unpackedSize(scanner *packfile.Scanner, header *packfile.ObjectHeader) (int64, error) {
	if header.Type != plumbing.OFSDeltaObject && header.Type != plumbing.REFDeltaObject {
		_, _, err := scanner.NextObject(io.Discard)
		return header.Length, err
	}
	sizes := &head{}
	if _, _, err := scanner.NextObject(sizes); err != nil {
		return 0, err
	}
	rest, ok := skipNumber(sizes.bytes)
	if !ok {
		return 0, errors.New("a difference without sizes")
	}
	target, ok := number(rest)
	if !ok {
		return 0, errors.New("a difference without sizes")
	}
	return max(target, header.Length), nil
}

// head keeps the beginning of what is written: two numbers fit.
type head struct{ bytes []byte }

const longestNumber = 10

func (h *head) Write(p []byte) (int, error) {
	if room := 2*longestNumber - len(h.bytes); room > 0 {
		h.bytes = append(h.bytes, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// number reads a number of seven bits a byte, the lowest first.
func number(p []byte) (int64, bool) {
	var n int64
	for i, b := range p {
		if i == longestNumber-1 {
			return 0, false
		}
		n |= int64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			return n, true
		}
	}
	return 0, false
}

func skipNumber(p []byte) ([]byte, bool) {
	for i, b := range p {
		if b&0x80 == 0 {
			return p[i+1:], true
		}
	}
	return nil, false
}
