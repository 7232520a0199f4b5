package etcdtest

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Leader returns the number of the member that leads, -1 if none does. Members are numbered as their
// Endpoints are. Members that are processes are asked over the network, without TLS.
func (c *Cluster) Leader() int {
	for i, m := range c.members {
		if m.etcd != nil && m.etcd.Server.Leader() == m.etcd.Server.MemberID() || m.process != nil && c.asksLeader(i) {
			return i
		}
	}
	return -1
}

func (c *Cluster) asksLeader(i int) bool {
	client, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints[i : i+1], Logger: zap.NewNop()})
	if err != nil {
		return false
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	status, err := client.Status(ctx, c.Endpoints[i])
	return err == nil && status.Leader == status.Header.GetMemberId()
}

// Isolate keeps a member from hearing of, and being heard by, the other members. Clients still reach it.
// It is for members that run in this process.
func (c *Cluster) Isolate(i int) {
	alone := c.members[i].etcd.Server
	for j, m := range c.members {
		if j != i && m.etcd != nil {
			alone.CutPeer(m.etcd.Server.MemberID())
			m.etcd.Server.CutPeer(alone.MemberID())
		}
	}
}

// Heal joins a member again that was isolated.
func (c *Cluster) Heal(i int) {
	alone := c.members[i].etcd.Server
	for j, m := range c.members {
		if j != i && m.etcd != nil {
			alone.MendPeer(m.etcd.Server.MemberID())
			m.etcd.Server.MendPeer(alone.MemberID())
		}
	}
}

// Kill ends a member's process as kill -9 does. Restart starts it again on the data it has left.
func (c *Cluster) Kill(i int) { c.members[i].stop() }

// Restart starts a killed member again and waits until it is ready, for which it needs a majority.
func (c *Cluster) Restart(i int) error {
	p, err := c.members[i].settings.spawn()
	if err != nil {
		return err
	}
	c.members[i].process = p
	return p.await()
}

// Pause stops a member's process as a disk that does not answer does: its connections stay open and it
// says nothing. Resume lets it go on where it was.
func (c *Cluster) Pause(i int) error { return c.members[i].process.pause() }

// Resume lets a paused member go on.
func (c *Cluster) Resume(i int) error { return c.members[i].process.resume() }
