package doctor

import (
	"context"
	"fmt"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	// Error: something does not work.
	Error Severity = "error"
	// Warning: something works, and will not for long or not as expected.
	Warning Severity = "warning"
)

// Finding is something that is wrong.
type Finding struct {
	Severity Severity `json:"severity"`
	// What is wrong, with the thing's name; Why it matters; Do says what to do.
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do"`
}

// Check looks at one thing.
type Check struct {
	// ID stays the same from version to version, so that scripts can name it.
	ID string
	// About says what is looked at.
	About string
	// Look finds what is wrong. An error means that it could not look.
	Look func(ctx context.Context) ([]Finding, error)
}

// Result is what a check found.
type Result struct {
	ID       string    `json:"id"`
	About    string    `json:"about"`
	Findings []Finding `json:"findings"`
}

// Report is what all checks found.
type Report struct {
	Checks   []Result `json:"checks"`
	Errors   int      `json:"errors"`
	Warnings int      `json:"warnings"`
}

// mostFindings is how many findings of one check are reported one by one.
const mostFindings = 20

// Examine runs the checks, one after the other. What cannot be looked at is an error, too.
func Examine(ctx context.Context, checks []Check) Report {
	var report Report
	for _, check := range checks {
		findings, err := check.Look(ctx)
		if err != nil {
			findings = append(findings, Finding{Error, "it could not be looked at: " + err.Error(),
				"nobody knows whether it works", "mend what the message names, and examine it again"})
		}
		for _, f := range findings {
			if f.Severity == Error {
				report.Errors++
			} else {
				report.Warnings++
			}
		}
		if more := len(findings) - mostFindings; more > 0 {
			last := findings[mostFindings]
			last.What = fmt.Sprintf("and %d more like these", more)
			findings = append(findings[:mostFindings:mostFindings], last)
		}
		report.Checks = append(report.Checks, Result{check.ID, check.About, append([]Finding{}, findings...)})
	}
	return report
}
