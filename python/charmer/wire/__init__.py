"""The schema that host and worker share: frames_pb2, made from frames.proto."""
