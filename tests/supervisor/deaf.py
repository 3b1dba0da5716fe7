"""A process that hangs: SIGTERM does not end it. Light, since each test starts it anew."""

import signal
import time
from multiprocessing.synchronize import Event


def deaf(ready: Event) -> None:
    """Set `ready`, and go on for ever."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready.set()
    time.sleep(300)
