"""What ``caffe-torch`` does, one module a command: ``run(args, argv)`` returns the exit status."""
