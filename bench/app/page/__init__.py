"""Sessions in, a page to talk on out: the strip above, tabs for what was said and how long it took.

`mount.mount_page` puts it on an application that `server.create_app` made. Its handlers run on the
loop of the socket and find their session by `visits`; nothing here polls.
"""
