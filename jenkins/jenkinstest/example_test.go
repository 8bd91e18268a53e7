package jenkinstest_test

import (
	"context"
	"fmt"

	"github.com/gennaker/gennaker/jenkins"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
	"github.com/gennaker/gennaker/jenkins/jobname"
)

func Example() {
	server := jenkinstest.NewServer(jenkinstest.Options{})
	job := server.Job("shop/cart", jenkinstest.Pipeline)
	job.Finished("SUCCESS", jenkinstest.File{Path: "build.properties", Data: []byte("semVer=1.2.1\n")})

	client, err := jenkins.New(jenkins.Options{Name: "ci", BaseURL: server.URL, User: server.Admin.ID, Token: server.Admin.Token})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := client.Properties(context.Background(), jobname.Full("shop/job/cart"), 1, "build.properties")
	fmt.Println(found.Values["semVer"], err)
	client.Close()
	fmt.Println(server.Close())
	// Output:
	// 1.2.1 <nil>
	// <nil>
}
