package cli_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gennaker/gennaker/agent/e2e/agenttest"
	"github.com/gennaker/gennaker/jenkins/jenkinstest"
)

// untilTimeout is how long until waits.
const untilTimeout = 2 * time.Minute

// worldKey is where a script's world is among its values.
type worldKey struct{}

// world is what a script has started.
type world struct {
	folder string
	// url is the address of the agent, also after it has ended: the next one gets the same.
	url     string
	agent   *agenttest.Process
	jenkins *jenkinstest.Server
}

func newWorld(folder string) *world { return &world{folder: folder} }

// expand fills in $LISTEN, the address of the agent or a free one, $JENKINS_URL and $JENKINS_TOKEN.
func (w *world) expand(config string) (string, error) {
	known := map[string]string{"LISTEN": "127.0.0.1:0"}
	if w.url != "" {
		earlier, err := url.Parse(w.url)
		if err != nil {
			return "", err
		}
		known["LISTEN"] = earlier.Host
	}
	if w.jenkins != nil {
		known["JENKINS_URL"], known["JENKINS_TOKEN"] = w.jenkins.URL, w.jenkins.Admin.Token
	}
	var unknown error
	text := os.Expand(config, func(name string) string {
		if _, ok := known[name]; !ok {
			unknown = fmt.Errorf("$%s is not known", name)
		}
		return known[name]
	})
	return text, unknown
}

// startAgent runs `gennaker serve` with a configuration, which is expanded.
func (w *world) startAgent(config string) error {
	text, err := w.expand(config)
	if err != nil {
		return err
	}
	file := filepath.Join(w.folder, "expanded.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	w.agent, err = agenttest.Start(agenttest.Options{Program: filepath.Join(bin, "gennaker"), Config: file, Folder: w.folder})
	if err != nil {
		return err
	}
	w.url = w.agent.URL
	return nil
}

// stopAgent asks the agent to end, which it must do in good order.
func (w *world) stopAgent() error {
	agent := w.agent
	w.agent = nil
	return agent.Stop()
}

// killAgent ends the agent at once.
func (w *world) killAgent() error {
	agent := w.agent
	w.agent = nil
	return agent.Kill()
}

// startJenkins serves a Jenkins double on the real time.
func (w *world) startJenkins() error {
	var err error
	w.jenkins, err = jenkinstest.Listen(jenkinstest.Options{Clock: jenkinstest.SystemClock{}})
	return err
}

// close ends what the script has not.
func (w *world) close() error {
	var agentErr, jenkinsErr error
	if w.agent != nil {
		agentErr = w.stopAgent()
	}
	if w.jenkins != nil {
		jenkinsErr = w.jenkins.Close()
	}
	if agentErr != nil {
		return agentErr
	}
	return jenkinsErr
}

// until waits for a condition.
func until(what string, condition func(context.Context) (bool, error)) error {
	ctx, stop := context.WithTimeout(context.Background(), untilTimeout)
	defer stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := condition(ctx); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %v in vain until %s", untilTimeout, what)
		}
	}
}

// writeCertificate writes tls.crt and tls.key for this machine, signed by themselves.
func writeCertificate(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gennaker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: certificate}, "tls.key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
