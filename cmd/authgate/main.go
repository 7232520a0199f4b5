package main
import (
 _ "github.com/caddyserver/caddy/v2/modules/standard"
 caddycmd "github.com/caddyserver/caddy/v2/cmd"
 _ "github.com/coreos/go-oidc/v3/oidc"
 _ "github.com/golang-jwt/jwt/v5"
 _ "github.com/hashicorp/golang-lru/v2"
 _ "go.etcd.io/etcd/client/v3"
 _ "go.etcd.io/etcd/server/v3/embed"
 _ "go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
 _ "pgregory.net/rapid"
 _ "go.uber.org/goleak"
)
func main(){ caddycmd.Main() }
