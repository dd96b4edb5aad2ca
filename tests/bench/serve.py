#!/usr/bin/env python3
"""serve.py MODEL [COUNT [LATENCIES]]: pipelines/serve/serve.sh beside Orthanc, by hand (docs/performance.md).

COUNT made-up X-rays of 1024 x 1024, and some without pixels, go from Orthanc to the listener by C-STORE while Orthanc is
killed twice; every good one must have come back to Orthanc once. Then LATENCIES X-rays go one at a time, and as many under
four senders that each wait for their answers: the time from an X-ray's last byte until its results have been accepted.
"""
import concurrent.futures, glob, json, os, re, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.abspath(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 200
LATENCIES = int(sys.argv[3]) if len(sys.argv) > 3 else 40
BROKEN = max(1, COUNT // 20)
SEGMENTATION, CAPTURE = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.7"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, true, seconds=120):
    end = time.time() + seconds
    while not true():
        if time.time() > end:
            sys.exit(f"in vain: {what}")
        time.sleep(0.02)


class Orthanc:
    def __init__(self, folder, listener):
        self.dicom, self.http, self.folder = free_port(), free_port(), folder
        os.mkdir(folder)
        config = {"Name": "archive", "DicomAet": "ORTHANC", "DicomPort": self.dicom, "HttpPort": self.http,
                  "StorageDirectory": folder, "IndexDirectory": folder, "RemoteAccessAllowed": False,
                  "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True, "DicomCheckCalledAet": False,
                  "DicomModalities": {"pleura": ["PLEURA", "127.0.0.1", listener]}, "Plugins": []}
        with open(folder + ".json", "w") as f:
            json.dump(config, f)
        self.start()

    def start(self):
        self.process = subprocess.Popen(["Orthanc", self.folder + ".json"], stderr=open(self.folder + ".log", "a"))
        wait_for("Orthanc", self.answers)

    def answers(self):
        try:
            return self.ask("/system") is not None
        except OSError:
            return False

    def ask(self, path, body=None):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", data, timeout=600) as answer:
            return json.load(answer)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def tags(self, instance):
        return self.ask(f"/instances/{instance}/simplified-tags")

    def sources_of(self, sop_class):
        """The SOP Instance UIDs that objects of a class were made of, one for each object."""
        found = []
        for instance in self.ask("/instances"):
            kind = self.ask(f"/instances/{instance}/metadata?expand").get("SopClassUid")
            if kind == sop_class:
                tags = self.ask(f"/instances/{instance}/simplified-tags")
                if tags.get("Manufacturer") == "Pleura" or "SourceImageSequence" in tags or "ReferencedSeriesSequence" in tags:
                    uids = set(re.findall(r'"ReferencedSOPInstanceUID" ?: ?"([0-9.]+)"', json.dumps(tags)))
                    if uids:
                        found.append(min(uids))
        return found


class Serve:
    def __init__(self, spool, port, to):
        self.spool = spool
        environment = dict(os.environ, PORT=str(port), MODEL=MODEL, TO=to, SPOOL=spool, KEEP="yes", LC_ALL="C.UTF-8",
                           PATH=os.path.join(ROOT, "bin") + ":" + os.environ["PATH"])
        self.log = open(spool + ".log", "a")
        self.process = subprocess.Popen([ROOT + "/pipelines/serve/serve.sh"], env=environment, stdout=self.log, stderr=self.log)
        wait_for("the listener", lambda: subprocess.run(["echoscu", "-q", "127.0.0.1", str(port)], stderr=subprocess.DEVNULL).returncode == 0)

    def answered(self):
        """Seconds from the last byte of each file in done/ until its results were accepted, by its name."""
        paths = glob.glob(self.spool + "/done/*")
        told = dict(re.findall(r"^serve: (\S+) answered after ([0-9.]+) s$", open(self.spool + ".log").read(), re.M))
        names = [os.path.basename(path).split(".", 1) for path in paths]
        return {name: float(told[name]) + int(number) / 1e6 - os.stat(path).st_mtime
                for path, (number, name) in zip(paths, names)}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def show(what, numbers):
    numbers = sorted(numbers)
    print(f"{what}: median {statistics.median(numbers):.3f} s, 95th percentile {numbers[int(0.95 * (len(numbers) - 1))]:.3f} s "
          f"of {len(numbers)}", flush=True)


def make_xrays(folder, count):
    subprocess.run([ROOT + "/bin/synth", "-q", "--side", "1024", "--lesions", "0.5", "--train", str(count + BROKEN), "--test", "1",
                    folder], check=True)
    files = sorted(glob.glob(folder + "/train/*.dcm"))
    subprocess.run(["dcmodify", "-q", "-nb", "-ea", "PixelData", *files[count:]], check=True)
    return files[:count], files[count:]


def upload(orthanc, files):
    return [orthanc.ask("/instances", open(path, "rb").read())["ID"] for path in files]


def with_kills(orthanc, serve, good, bad):
    """Sends what has no answer while the sender is killed twice. The UIDs that must be answered are returned."""
    wanted = {orthanc.tags(instance)["SOPInstanceUID"]: instance for instance in good}
    for number in range(3):
        answered = set(orthanc.sources_of(CAPTURE))
        waiting = [instance for uid, instance in wanted.items() if uid not in answered] + bad
        job = orthanc.ask("/modalities/pleura/store", {"Resources": waiting, "Synchronous": False, "Permissive": True})["ID"]
        if number < 2:
            before = len(serve.answered())
            wait_for("some answers", lambda: len(serve.answered()) >= before + COUNT // 10, 600)
            orthanc.kill()
            time.sleep(2)
            orthanc.start()
        else:
            wait_for("the job", lambda: orthanc.ask(f"/jobs/{job}")["State"] in ("Success", "Failure"), 600)
    wait_for("the last answer", lambda: not any(os.listdir(f"{serve.spool}/{f}") for f in ("incoming", "work", "answered")), 3600)
    return set(wanted)


def latencies(orthanc, serve, instances, senders):
    """So many senders, each of which sends its next X-ray when one has been answered."""
    known = set(serve.answered())
    with concurrent.futures.ThreadPoolExecutor(senders) as pool:
        for k, instance in enumerate(instances):
            wait_for("an answer", lambda: len(serve.answered()) - len(known) > k - senders)
            pool.submit(orthanc.ask, "/modalities/pleura/store", {"Resources": [instance], "Synchronous": True})
    wait_for("the last answer", lambda: len(serve.answered()) - len(known) == len(instances))
    return [seconds for name, seconds in serve.answered().items() if name not in known]


def tell_of_kills(orthanc, serve, good, bad):
    started = time.time()
    wanted = with_kills(orthanc, serve, good, bad)
    captures = orthanc.sources_of(CAPTURE)
    segmentations = orthanc.sources_of(SEGMENTATION)
    print(f"{len(good)} X-rays and {len(bad)} broken ones, Orthanc killed twice, {time.time() - started:.0f} s: "
          f"{len(captures)} captures of {len(set(captures) & wanted)} X-rays, {len(segmentations)} segmentations of "
          f"{len(set(segmentations))}; {len(os.listdir(serve.spool + '/failed'))} files in failed/", flush=True)


def main():
    home = tempfile.mkdtemp(prefix="serve-bench.")
    port = free_port()
    good, bad = make_xrays(home + "/xrays", max(COUNT, LATENCIES))
    orthanc = Orthanc(home + "/orthanc", port)
    serve = Serve(home + "/spool", port, f"ORTHANC@127.0.0.1:{orthanc.dicom}")
    try:
        good = upload(orthanc, good)
        bad = upload(orthanc, bad)
        if COUNT > 0:
            tell_of_kills(orthanc, serve, good[:COUNT], bad)
        if LATENCIES > 0:
            latencies(orthanc, serve, good[:2], 1) # the networks are open then
            show("one sender", latencies(orthanc, serve, good[:LATENCIES], 1))
            show("four senders", latencies(orthanc, serve, good[:LATENCIES], 4))
    finally:
        serve.stop()
        orthanc.kill()
    print(home)


if __name__ == "__main__":
    main()
