// Package enginetest plays cases for the engine that are written as text: a pipeline, what happens to it and when,
// and what its stages are then expected to be.
//
// A case is a txtar file: its comment says what is shown, then come the files pipeline.json, trigger.json (optional)
// and script. Lines of the script, one command each, # begins a comment:
//
//	clock 2026-03-02T09:00:00Z          the time at which the pipeline is launched
//	start                               launch; every script needs it or "launch fails"
//	launch fails "text"                 launch, and expect this error; the record of it is then the execution
//	at 5s                               time passes until 5 s after the launch, and what becomes due meanwhile happens
//	slot                                a slot of the pipeline is free (after "start waiting")
//	2 succeeds {"tag":"1.4"}            the step of the stage with refId 2 ends; the object becomes outputs
//	2 fails "text"                      … with a failure that a person must act on
//	2 fails finally "text"              … to which the stage's failure options do not apply
//	2 is retried "text"                 … with a failure that may pass
//	2 is canceled "text"                … because what it was waiting for was canceled
//	2 runs 10s                          … and wants to look again after 10 s
//	2 awaits judgment                   … and waits for the event of that name
//	2 ends {"status":"STOPPED"}         … with any other result, as the engine's JSON has it
//	2 cleans up                         the clean-up of a stage that was stopped is done
//	clean up 2 {"status":"RUNNING"}     … or ended with any result
//	begin 2                             the stage's step begins: what users set from here on it has not seen
//	late 2 {"status":"SUCCEEDED"}       a step ends that began before the last lines; "late 2 attempt 1 {…}" names the
//	                                    attempt it belongs to
//	ann cancels "reason"                also: ann pauses, ann resumes
//	ann patches 2 {"a":1}
//	ann restarts 2                      "ann restarts 2 reevaluate" evaluates expressions anew; "… queue" waits for a slot;
//	                                    "… {…}" gives the event's values as JSON
//	expect RUNNING 1=SUCCEEDED 2=NOT_STARTED
//	expect order 1 2<1 2                the order of the stages in the execution
//	expect due 2 15s                    when the stage is to be looked at, counted from the launch; or "never"
//	expect scheduled 2 1h               when the stage is said to go on
//	expect started 2 5s                 when it started, counted from the launch; or "never"; also: expect ended 2 5s
//	expect requires 2 1                 the stage's requisites
//	expect awaits 2 judgment
//	expect context 2 key 41             a value in the context; "absent" for none
//	expect outputs 2 key "x"
//	expect error 2 "text"               a text among the errors of the stage's exception; "none"
//	expect warning 2 "text"
//	expect task 2 wait SUCCEEDED
//	expect reason "text"                the execution's cancellation reason
//	expect by spinnaker                 who canceled
//	expect refused "text"               why the last event changed nothing
//	expect notifications a b c          since the last line like this
//	expect completions 1                how often the end of the execution was published
//
// The execution goes through JSON after every change, so that nothing is remembered but what the store keeps.
package enginetest
