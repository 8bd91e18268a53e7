package echo

import (
	"math"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/gennaker/gennaker/api/spinnaker"
)

const (
	// usualEvents and maxEvents are how many events are listed when the query does not say, and at most.
	usualEvents = 50
	maxEvents   = 1000
	// usualVerdicts and maxVerdicts are the same of the verdicts on one event.
	usualVerdicts = 1000
	maxVerdicts   = 5000
)

// oneEvent serves GET /gennaker/events/{id}?limit=&offset=, which count its verdicts.
func (a *API) oneEvent(c *gin.Context) (any, error) {
	page, err := pageOf(c, usualVerdicts, maxVerdicts)
	if err != nil {
		return nil, err
	}
	event, err := a.Intake.Event(c, c.Param("id"), page)
	if err != nil {
		return nil, err
	}
	return event, nil
}

// replay serves GET /gennaker/events/{id}/replay: what the event would start now.
func (a *API) replay(c *gin.Context) (any, error) {
	event, err := a.Intake.Replay(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return event, nil
}

// events serves GET /gennaker/events?type=build&source=MASTER&name=JOB&number=N&limit=&offset=.
func (a *API) events(c *gin.Context) (any, error) {
	query := EventQuery{Type: c.Query("type"), Source: c.Query("source"), Name: c.Query("name")}
	var err error
	if query.Number, err = positive(c, "number", 0); err != nil {
		return nil, err
	}
	if query.Number != 0 && (query.Source == "" || query.Name == "") {
		return nil, spinnaker.Invalid("query parameter number: it is that of a build, give its master as source and its job as name too")
	}
	return a.list(c, query)
}

// pipelineEvents serves GET /gennaker/pipelines/{id}/events?limit=&offset=, which count verdicts: the newest events that a pipeline's triggers have a
// verdict on, with those verdicts.
func (a *API) pipelineEvents(c *gin.Context) (any, error) {
	return a.list(c, EventQuery{PipelineConfigID: c.Param("id")})
}

func (a *API) list(c *gin.Context, query EventQuery) (any, error) {
	var err error
	if query.Page, err = pageOf(c, usualEvents, maxEvents); err != nil {
		return nil, err
	}
	events, err := a.Intake.Events(c, query)
	if err != nil {
		return nil, err
	}
	if events == nil {
		events = []Event{}
	}
	return events, nil
}

// pageOf reads limit and offset.
func pageOf(c *gin.Context, usual, most int64) (Page, error) {
	limit, err := positive(c, "limit", usual)
	if err != nil {
		return Page{}, err
	}
	offset, err := whole(c, "offset", 0, 0)
	return Page{Offset: int(min(offset, math.MaxInt32)), Limit: int(min(limit, most))}, err
}

// feeds serves GET /gennaker/feeds: how each registry, chart repository and master that is looked at fares.
func (a *API) feeds(c *gin.Context) (any, error) {
	feeds, err := a.Intake.Feeds(c)
	if err != nil {
		return nil, err
	}
	return feeds, nil
}

func (a *API) subscriptions(*gin.Context) (any, error) { return a.Intake.Subscriptions(), nil }

// validateCron serves GET /validateCronExpression?cronExpression=.
//
// Source: spinnaker/spinnaker echo/echo-scheduler controllers/ScheduledActionsController.groovy.
func (a *API) validateCron(c *gin.Context) (any, error) {
	description, err := a.describeCron(c.Query("cronExpression"))
	if err != nil {
		return nil, err
	}
	return gin.H{"response": "Cron expression is valid", "description": description}, nil
}

// cron serves Gate's GET /cron/validate?expression=, which always answers 200: Deck looks into the answer.
//
// Source: spinnaker/spinnaker gate/gate-web services/CronService.groovy.
func (a *API) cron(c *gin.Context) (any, error) {
	description, err := a.describeCron(c.Query("expression"))
	if err != nil {
		return gin.H{"valid": false, "message": err.Error()}, nil
	}
	return gin.H{"valid": true, "description": description}, nil
}

func (a *API) describeCron(expression string) (string, error) {
	description, err := a.Intake.DescribeCron(expression)
	if err != nil {
		return "", spinnaker.Invalid("Invalid CRON expression: '%s' explanation: %v", expression, err)
	}
	return description, nil
}

// quietPeriod serves Gate's GET /capabilities/quietPeriod.
func (a *API) quietPeriod(*gin.Context) (any, error) { return a.Intake.QuietPeriod(), nil }

// positive reads a query parameter that is a whole number from 1.
func positive(c *gin.Context, key string, otherwise int64) (int64, error) {
	return whole(c, key, 1, otherwise)
}

// whole reads a query parameter that is a whole number from least.
func whole(c *gin.Context, key string, least, otherwise int64) (int64, error) {
	value := c.Query(key)
	if value == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least {
		return 0, spinnaker.Invalid("query parameter %s: found %q, expected a whole number from %d", key, value, least)
	}
	return n, nil
}
