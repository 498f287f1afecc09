"""An HTTP server whose behaviour the path of a request chooses.

    http_server.py [--certificate FILE --key FILE] [--git DIRECTORY]

Prints its port on loopback, serves until its standard input ends.

    /ok                  200 "hello" with a length
    /echo                the request, one line each; the first is the client's port
    /redirect?to=URL     302 (or ?status=NNN) with a header "hop: 1" and a body
    /loop                302 to itself
    /cut, /cut-chunks    ends before the length, before the last chunk
    /nolength            200 without length, the end of the connection ends it
    /chunked             200 in chunks
    /silent              accepts and answers nothing
    /hang                headers and one byte, then nothing
    /drip                ten bytes a second without an end
    /big                 4 MiB
    /bigheaders          2 MiB of headers
    /early               103, then 200
    /gzip, /gzip-cut     an encoding that nobody asked for; its end is missing
    /brotli              one that is not known
    /longheader          one header of 2 MiB
    /garbage             no HTTP
    /html                a page
    /page                a page that says it is a git advertisement
    /basic/LOGIN/...     401, but /... for who shows LOGIN (user:password)
    /git/...             git http-backend over DIRECTORY
    /replies/HEX/...     a git host that answers every question with these bytes
    /old-git/...         the same as /git, of protocol version 0 only
    /moved/...           301 to /git/...
    /suffix/O/R.git/...  the same as /git, and 404 for O/R without ".git"
    /to-suffix/O/R/...   301 to /suffix/O/R.git/...
    /status/NNN          that status; ?NAME=VALUE become headers
An absolute URL, as a proxy gets it, is answered by its path; CONNECT by the status
that its host's first label says.
"""

import argparse
import base64
import gzip
import http.server
import os
import select
import ssl
import subprocess
import sys
import threading
import urllib.parse

GIT_DIRECTORY = ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, body=b"", status=200, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def raw(self, text):
        """Sends bytes as they are; the connection ends after them."""
        self.close_connection = True
        self.wfile.write(text)

    def do_GET(self):
        length = int(self.headers.get("Content-Length", "0"))
        self.body = self.rfile.read(length)
        self.route()

    do_HEAD = do_POST = do_GET

    def do_CONNECT(self):
        self.answer(b"", int(self.path.split(".")[0]))

    def route(self):
        self.url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.url.query))
        first = self.url.path.split("/")[1].replace("-", "_")
        getattr(self, "on_" + first, self.on_unknown)()

    def on_unknown(self):
        self.answer(b"", 404)

    def on_ok(self):
        self.answer(b"hello")

    def on_echo(self):
        lines = [
            f"peer: {self.client_address[1]}",
            f"method: {self.command}",
            f"target: {self.path}",
            f"body: {self.body.decode()}",
        ]
        if isinstance(self.connection, ssl.SSLSocket):
            lines.append(f"cipher: {self.connection.cipher()[0]}")
        lines += [f"{name.lower()}: {self.headers[name]}" for name in self.headers]
        self.answer("\n".join(lines).encode())

    def on_redirect(self):
        status = int(self.query.get("status", "302"))
        headers = [("Location", self.query["to"]), ("hop", "1")]
        self.answer(b"moved", status, headers)

    def on_loop(self):
        self.answer(b"", 302, [("Location", "/loop")])

    def on_cut(self):
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")

    def on_cut_chunks(self):
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    def on_chunked(self):
        self.raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n"
        )

    def on_nolength(self):
        self.raw(b"HTTP/1.1 200 OK\r\n\r\nhello")

    def wait_for_client(self):
        self.close_connection = True
        self.connection.recv(1)

    def on_silent(self):
        self.wait_for_client()

    def on_hang(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nh")
        self.wait_for_client()

    def on_drip(self):
        self.raw(b"HTTP/1.1 200 OK\r\n\r\n")
        # Ten bytes a second, until the client has gone.
        while not select.select([self.connection], [], [], 0.1)[0]:
            self.raw(b".")

    def on_big(self):
        self.answer(bytes(4 << 20))

    def on_bigheaders(self):
        line = b"x: " + b"y" * 1021 + b"\r\n"
        self.raw(b"HTTP/1.1 200 OK\r\n" + line * 2048 + b"\r\n")

    def on_early(self):
        self.raw(
            b"HTTP/1.1 103 Early Hints\r\nearly: 1\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        )

    def on_gzip(self):
        self.answer(gzip.compress(b"hello"), 200, [("Content-Encoding", "gzip")])

    def on_gzip_cut(self):
        body = gzip.compress(b"hello")[:-6]
        self.answer(body, 200, [("Content-Encoding", "gzip")])

    def on_brotli(self):
        self.answer(b"hello", 200, [("Content-Encoding", "br")])

    def on_longheader(self):
        self.raw(b"HTTP/1.1 200 OK\r\nBig: " + b"x" * (2 << 20) + b"\r\n\r\n")

    def on_garbage(self):
        self.raw(b"SSH-2.0-OpenSSH_9.2\r\n")

    def on_html(self):
        self.answer(b"<html>", 200, [("Content-Type", "text/html")])

    def on_status(self):
        status = int(self.url.path.split("/")[2])
        self.answer(b"", status, self.query.items())

    def on_page(self):
        kind = "application/x-git-upload-pack-advertisement"
        self.answer(b"<html>", 200, [("Content-Type", kind)])

    def on_basic(self):
        _, _, login, self.path = self.path.split("/", 3)
        self.path = "/" + self.path
        wanted = "Basic " + base64.b64encode(login.encode()).decode()
        if self.headers.get("Authorization") == wanted:
            return self.route()
        self.answer(b"no", 401, [("WWW-Authenticate", "Basic")])

    def on_moved(self):
        self.answer(b"", 301, [("Location", "/git" + self.path[len("/moved") :])])

    def on_suffix(self):
        if ".git/" not in self.path:
            return self.answer(b"", 404)
        self.url = self.url._replace(path=self.url.path.replace(".git/", "/", 1))
        self.on_git()

    def on_to_suffix(self):
        path = self.path.replace("/info/refs", ".git/info/refs")
        self.answer(b"", 301, [("Location", path.replace("/to-suffix", "/suffix"))])

    def on_replies(self):
        kind, body = "advertisement", b"000eversion 2\n0000"
        if self.command == "POST":
            kind = "result"
            body = bytes.fromhex(self.url.path.split("/")[2].strip("-"))
        kind = "application/x-git-upload-pack-" + kind
        self.answer(body, 200, [("Content-Type", kind)])

    def on_old_git(self):
        del self.headers["Git-Protocol"]
        self.on_git()

    def on_git(self):
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "GIT_PROJECT_ROOT": GIT_DIRECTORY,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "uploadpack.allowFilter",
            "GIT_CONFIG_VALUE_1": "true",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": "/" + self.url.path.split("/", 2)[2],
            "QUERY_STRING": self.url.query,
            "REQUEST_METHOD": self.command,
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(self.body)),
        }
        done = subprocess.run(
            ["git", "http-backend"],
            env=environment,
            input=self.body,
            stdout=subprocess.PIPE,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = [int(v.split()[0]) for n, v in headers if n == "Status"]
        self.answer(
            body,
            status[0] if status else 200,
            [(name, value) for name, value in headers if name != "Status"],
        )


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Clients of these tests leave early.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    global GIT_DIRECTORY
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--git", default="")
    options = parser.parse_args()
    GIT_DIRECTORY = options.git
    server = Server(("127.0.0.1", 0), Handler)
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


main()
