"""`imagecache serve` on a free port, for the tests that install something."""
import pathlib
import re
import subprocess
import tempfile

from project_files import IMAGECACHE, run

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: local, cluster: {{server: "{url}"}}}}]
contexts: [{{name: local, context: {{cluster: local, user: local}}}}]
users: [{{name: local, user: {{}}}}]
current-context: local
"""


class Server:
    """A server with an empty store; `kubeconfig` leads to it."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        command = [IMAGECACHE, "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if found := re.search(r"listening on (http://\S+?)[,;]", line):
                break
        else:
            raise AssertionError("the server did not start")
        self.url = found[1]
        self.kubeconfig = pathlib.Path(self.folder.name, "kubeconfig")
        self.kubeconfig.write_text(KUBECONFIG.format(url=self.url))
        self.kubeconfig.chmod(0o600)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()
        self.folder.cleanup()

    def kubectl(self, *arguments, **options):
        """Returns what kubectl prints."""
        return run("kubectl", "--kubeconfig", self.kubeconfig, *arguments, **options)
