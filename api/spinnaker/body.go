package spinnaker

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// ReadBody reads the whole body of a request. A body that is too large or cut off is an *Error.
func ReadBody(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(r.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Message: "the request body is larger than " +
			bytesWords(tooLarge.Limit) + ": send less, or raise server.maxBody"}
	}
	if err != nil {
		return nil, Invalid("the request body did not arrive whole: %v", err)
	}
	return data, nil
}

// ReadJSON reads the JSON body of a request into v, whatever its content type says; present is false when there is no
// body. A body that cannot be read is an *Error that says where it is wrong.
func ReadJSON(r *http.Request, v any) (present bool, err error) {
	data, err := ReadBody(r)
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return false, err
	}
	err = DecodeForeign(data, v)
	if err == nil {
		return true, nil
	}
	if given := MediaType(r); given != "" && !strings.HasSuffix(given, "json") {
		return true, &Error{Status: http.StatusUnsupportedMediaType, Message: "the request body is " + given +
			": send JSON, with `Content-Type: application/json`"}
	}
	return true, Invalid("the request body is not the JSON expected: %v", err)
}

// MediaType is the media type of a request's body without its parameters, in lower case; "" when the request does not say.
func MediaType(r *http.Request) string {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return mediaType
}
