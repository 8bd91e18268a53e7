package image

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go/logging"
)

// loginMargin is how long before its end a token is given up.
const loginMargin = 10 * time.Minute

// Region is the region of a host of ECR, empty for other hosts.
func Region(host string) string {
	_, region, _ := splitHost(host)
	return region
}

// Login signs in at registries of ECR of a region, for what speaks the protocol of registries to them. It is safe for
// concurrent use.
type Login struct {
	region string
	client *ecr.Client

	mu             sync.Mutex
	user, password string
	until          time.Time
}

// NewLogin takes credentials and endpoint from the AWS environment (AWS_…, shared files, instance role). It opens no connection.
func NewLogin(ctx context.Context, region string) (*Login, error) {
	loaded, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(region))
	if err != nil {
		return nil, fmt.Errorf("read the AWS environment: %w", err)
	}
	client := ecr.NewFromConfig(loaded, func(o *ecr.Options) {
		o.HTTPClient = whole{o.HTTPClient}
		// What the SDK would print is in its errors, too.
		o.Logger = logging.Nop{}
	})
	return &Login{region: region, client: client}, nil
}

// Basic returns user and password for the registries. They are asked for anew shortly before they end.
func (l *Login) Basic(ctx context.Context) (user, password string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.until.Add(-loginMargin)) {
		return l.user, l.password, nil
	}
	answer, err := l.client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return "", "", fmt.Errorf("sign in at ECR in %s: %w", l.region, innermost(err))
	}
	if len(answer.AuthorizationData) == 0 {
		return "", "", fmt.Errorf("sign in at ECR in %s: the answer has no token", l.region)
	}
	data := answer.AuthorizationData[0]
	// What is in the token is not told: it is a secret.
	decoded, err := base64.StdEncoding.DecodeString(aws.ToString(data.AuthorizationToken))
	user, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok {
		return "", "", errors.New("sign in at ECR in " + l.region + ": the answer's token is not user and password")
	}
	l.user, l.password, l.until = user, password, aws.ToTime(data.ExpiresAt)
	return user, password, nil
}
