package httpcheck

import (
	"encoding/xml"
	"fmt"
	"time"
)

// report makes the stage's outputs: each check's result, their counts, and all of it as JUnit XML.
func report(config *config, st *state, now time.Time) (map[string]any, error) {
	suite := junitSuite{Name: "httpTest", Tests: len(st.Results), Time: seconds(now.Sub(st.Began)),
		Timestamp: st.Began.UTC().Format("2006-01-02T15:04:05")}
	var checks []any
	for i, r := range st.Results {
		check := config.Checks[i]
		result := map[string]any{
			"name": check.label(), "url": redacted(check.URL), "method": check.method(), "passed": r.Passed,
			"attempts": r.Attempts, "durationMs": r.Took.Milliseconds(),
		}
		if r.Status != 0 {
			result["status"] = r.Status
		}
		testCase := junitCase{Name: check.label(), Class: "httpTest", Time: seconds(r.Took)}
		if !r.Passed {
			result["failure"] = r.Failure
			suite.Failures++
			testCase.Failure = &junitFailure{Message: r.Failure,
				Text: fmt.Sprintf("%s %s: %s (%d attempts)", check.method(), redacted(check.URL), r.Failure, r.Attempts)}
		}
		checks = append(checks, result)
		suite.Cases = append(suite.Cases, testCase)
	}
	junit, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{suite}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the JUnit report: %w", err)
	}
	return map[string]any{
		"checks": checks, "passed": len(st.Results) - suite.Failures, "failed": suite.Failures,
		"junit": xml.Header + string(junit) + "\n",
	}, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// The JUnit report as Jenkins' junit step reads it (junit-team's and Jenkins' common subset).
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}
