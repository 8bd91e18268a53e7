package engine

import (
	"strconv"
	"time"

	"github.com/gennaker/gennaker/api/spinnaker"
)

// setTasks replaces a stage's task list. Times that the new list leaves out are taken from the old one, or are now.
func setTasks(old, list []spinnaker.Task, now time.Time) []spinnaker.Task {
	before := make(map[string]spinnaker.Task, len(old))
	for _, task := range old {
		before[task.Name] = task
	}
	out := make([]spinnaker.Task, len(list))
	for i, task := range list {
		earlier := before[task.Name]
		task.ID = strconv.Itoa(i + 1)
		task.StageStart, task.StageEnd = i == 0, i == len(list)-1
		if task.StartTime == 0 && task.Status != spinnaker.NotStarted {
			task.StartTime = firstTime(earlier.StartTime, now)
		}
		if task.EndTime == 0 && task.Status.Complete() {
			task.EndTime = firstTime(earlier.EndTime, now)
		}
		out[i] = task
	}
	return out
}

func firstTime(earlier spinnaker.Millis, now time.Time) spinnaker.Millis {
	if earlier != 0 {
		return earlier
	}
	return spinnaker.MillisOf(now)
}

// endTasks gives the tasks that were going on the status that their stage ended with.
func endTasks(stage *spinnaker.Stage, now time.Time) {
	for i := range stage.Tasks {
		task := &stage.Tasks[i]
		if task.Status == spinnaker.Running || task.Status == spinnaker.Paused {
			task.Status = stage.Status
			task.EndTime = spinnaker.MillisOf(now)
		}
	}
}
