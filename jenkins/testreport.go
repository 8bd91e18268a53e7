package jenkins

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// TestReport is the result of a build's tests, as far as it published them.
type TestReport struct {
	Passed, Failed, Skipped int
	Failures                []TestFailure
}

// TestFailure is one failed test.
type TestFailure struct {
	Class, Name string
	Details     string // first lines of the failure
}

// maxDetails is how much of a failure's details is kept, in bytes.
const maxDetails = 2 << 10

// TestReport reads the test report of a build with at most limit failures. A
// build without one is an error of KindNotFound.
func (c *Client) TestReport(ctx context.Context, job string, number, limit int) (TestReport, error) {
	const tree = "failCount,passCount,skipCount,suites[cases[className,name,status,errorDetails]]"
	answer, _, err := get[struct {
		Failed  int `json:"failCount"`
		Passed  int `json:"passCount"`
		Skipped int `json:"skipCount"`
		Suites  []struct {
			Cases []struct {
				Class   string `json:"className"`
				Name    string `json:"name"`
				Status  string `json:"status"`
				Details string `json:"errorDetails"`
			} `json:"cases"`
		} `json:"suites"`
	}](ctx, c, call{op: "read test report of build", job: job, build: number}, buildPath(job, number)+"/testReport/", tree)
	if err != nil {
		var own *Error
		if errors.As(err, &own) && own.Kind == KindNotFound {
			own.Reason = fmt.Sprintf("Build %s #%d on %s has no test report, or is not there", job, number, c.name)
		}
		return TestReport{}, err
	}
	report := TestReport{Passed: answer.Passed, Failed: answer.Failed, Skipped: answer.Skipped}
	for _, suite := range answer.Suites {
		for _, test := range suite.Cases {
			if len(report.Failures) == limit {
				return report, nil
			}
			// A test that fails after it passed is a regression.
			if test.Status == "FAILED" || test.Status == "REGRESSION" {
				report.Failures = append(report.Failures, TestFailure{test.Class, test.Name, shortened(test.Details)})
			}
		}
	}
	return report, nil
}

func shortened(text string) string {
	if len(text) <= maxDetails {
		return text
	}
	return strings.ToValidUTF8(text[:maxDetails], "") + "…"
}
