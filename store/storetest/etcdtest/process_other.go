//go:build !unix

package etcdtest

import "errors"

// process cannot be had where processes cannot be paused.
type process struct{}

func (settings) spawn() (*process, error) { return nil, errors.ErrUnsupported }
func (*process) await() error             { return errors.ErrUnsupported }
func (*process) kill()                    {}
func (*process) pause() error             { return errors.ErrUnsupported }
func (*process) resume() error            { return errors.ErrUnsupported }
func runMember(string) error              { return errors.ErrUnsupported }
