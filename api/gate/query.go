package gate

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// maxItems is the most that a list may be asked for at once.
const maxItems = 5000

// body decodes the request's JSON body into v; an absent body is allowed when optional.
func body(c *gin.Context, v any, optional bool) error {
	present, err := spinnaker.ReadJSON(c.Request, v)
	if err == nil && !present && !optional {
		return spinnaker.Invalid("the request has no body, expected JSON")
	}
	return err
}

// list reads a query parameter that may be comma-joined, repeated, or both.
func list(c *gin.Context, key string) []string {
	var items []string
	for _, value := range c.QueryArray(key) {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	}
	return items
}

// number reads a query parameter that is a whole number.
func number(c *gin.Context, key string, otherwise int64) (int64, error) {
	value := c.Query(key)
	if value == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, spinnaker.Invalid("query parameter %s: found %q, expected a whole number", key, value)
	}
	return n, nil
}

// count reads a query parameter that says how many items at most are wanted.
func count(c *gin.Context, key string, otherwise int64) (int, error) {
	n, err := number(c, key, otherwise)
	if err == nil && (n < 0 || n > math.MaxInt32) {
		err = spinnaker.Invalid("query parameter %s: found %d, expected a number of items", key, n)
	}
	return int(min(n, maxItems)), err
}

// flag reads a query parameter that is true or false, in any case.
func flag(c *gin.Context, key string, otherwise bool) bool {
	switch strings.ToLower(c.Query(key)) {
	case "true":
		return true
	case "false":
		return false
	default:
		return otherwise
	}
}

// statuses reads the query parameter of that name.
func statuses(c *gin.Context) ([]spinnaker.Status, error) {
	var out []spinnaker.Status
	for _, word := range list(c, "statuses") {
		status := spinnaker.Status(strings.ToUpper(word))
		if known := spinnaker.Statuses(); !slices.Contains(known, status) {
			return nil, spinnaker.Invalid("query parameter statuses: found %q, expected some of %v", word, known)
		}
		out = append(out, status)
	}
	return out, nil
}

// app is the application that the path names.
func app(c *gin.Context) string { return strings.ToLower(c.Param("app")) }
