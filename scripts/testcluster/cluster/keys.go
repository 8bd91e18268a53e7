package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// keyLife is how long the cluster's certificates are valid.
const keyLife = 365 * 24 * time.Hour

// keys are the cluster's credentials, kept in files for the API server.
type keys struct {
	dir     string
	caPEM   []byte
	token   string // of user admin in group system:masters
	serving tls.Certificate
}

func (k *keys) file(name string) string { return filepath.Join(k.dir, name) }

// Files of a keys folder. The token list is written last: where it is, the
// others are complete.
const (
	caFile         = "ca.crt"
	servingFile    = "serving.crt"
	servingKeyFile = "serving.key"
	accountKeyFile = "sa.key"
	tokensFile     = "tokens.csv"
)

// ensureKeys loads the keys in dir/keys, or makes them.
func ensureKeys(dir string) (*keys, error) {
	k := &keys{dir: filepath.Join(dir, "keys")}
	if _, err := os.Stat(k.file(tokensFile)); errors.Is(err, os.ErrNotExist) {
		if err := k.create(); err != nil {
			return nil, err
		}
	}
	tokens, err := os.ReadFile(k.file(tokensFile))
	if err != nil {
		return nil, err
	}
	k.token, _, _ = strings.Cut(string(tokens), ",")
	if k.caPEM, err = os.ReadFile(k.file(caFile)); err != nil {
		return nil, err
	}
	k.serving, err = tls.LoadX509KeyPair(k.file(servingFile), k.file(servingKeyFile))
	return k, err
}

func (k *keys) create() error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	ca := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "testcluster-ca"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caKey, err := k.writeCertificate(ca, caFile, "", nil, nil)
	if err != nil {
		return err
	}
	serving := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)},
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default",
			"kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
	}
	if _, err := k.writeCertificate(serving, servingFile, servingKeyFile, ca, caKey); err != nil {
		return err
	}
	account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := k.writeKey(accountKeyFile, account); err != nil {
		return err
	}
	line := rand.Text() + `,admin,admin,"system:masters"` + "\n"
	return os.WriteFile(k.file(tokensFile), []byte(line), 0o600)
}

// writeCertificate signs template with the CA, or with its own key if ca is
// nil, and writes it and, if keyName is given, its key.
func (k *keys) writeCertificate(template *x509.Certificate, name, keyName string, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if ca == nil {
		ca, caKey = template, key
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(keyLife)
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(k.file(name), block, 0o600); err != nil {
		return nil, err
	}
	if keyName == "" {
		return key, nil
	}
	return key, k.writeKey(keyName, key)
}

// writeKey writes SEC 1: the API server refuses a PKCS #8 key for service accounts.
func (k *keys) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(k.file(name), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// restConfig is the administrator's client configuration, without rate limit.
func (k *keys) restConfig(host string) *rest.Config {
	return &rest.Config{
		Host:            host,
		BearerToken:     k.token,
		TLSClientConfig: rest.TLSClientConfig{CAData: k.caPEM},
		QPS:             -1,
	}
}

func (k *keys) kubeconfig(host string) ([]byte, error) {
	const name = "testcluster"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: host, CertificateAuthorityData: k.caPEM}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: k.token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}
