"""archive.py FOLDER FILE...: sends DICOM files to an Orthanc of its own on loopback, the first by STOW-RS and the others by
C-STORE, and reads each back by WADO-RS: the same elements, and the same pixels. FOLDER is for Orthanc's files and its log."""
import json, os, re, socket, subprocess, sys, time, urllib.request


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def dataset(part10):
    """The bytes behind the meta information, whose length the first element tells."""
    assert part10[128:132] == b"DICM", part10[:200]
    return part10[144 + int.from_bytes(part10[140:144], "little"):]


def uid(file, tag):
    """The UID of the dataset itself, not of a sequence's item."""
    dump = subprocess.run(["dcmdump", "-Un", file], stdout=subprocess.PIPE, encoding="latin-1", check=True).stdout
    return re.search(rf"^\({tag}\) UI \[(.*)\]", dump, re.MULTILINE).group(1)


def multipart(body):
    return body[body.index(b"\r\n\r\n") + 4:body.rindex(b"\r\n--")]


def start(folder):
    web, dicom = free_port(), free_port()
    settings = {
        "Name": "test", "StorageDirectory": folder, "IndexDirectory": folder, "HttpPort": web, "DicomPort": dicom,
        "AuthenticationEnabled": False, "RemoteAccessAllowed": False, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
    }
    with open(folder + "/orthanc.json", "w") as file:
        json.dump(settings, file)
    log = open(folder + "/log", "w")
    server = subprocess.Popen(["Orthanc", folder + "/orthanc.json"], stdout=log, stderr=log)
    root = f"http://127.0.0.1:{web}"
    for _ in range(2000):
        try:
            urllib.request.urlopen(root + "/system").read()
            return server, root, dicom
        except OSError:
            assert server.poll() is None, open(folder + "/log").read()
            time.sleep(0.05)
    raise SystemExit("Orthanc does not answer")


def stow(root, file):
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + open(file, "rb").read() + b"\r\n--x--"
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x', "Accept": "application/dicom+json"}
    answer = json.load(urllib.request.urlopen(urllib.request.Request(root + "/dicom-web/studies", body, kind)))
    assert answer["00081199"]["Value"] and not answer["00081198"].get("Value"), answer  # stored, none refused


def check(root, file):
    path = f"studies/{uid(file, '0020,000d')}/series/{uid(file, '0020,000e')}/instances/{uid(file, '0008,0018')}"
    kind = {"Accept": 'multipart/related; type="application/dicom"'}
    request = urllib.request.Request(f"{root}/dicom-web/{path}", headers=kind)
    assert dataset(multipart(urllib.request.urlopen(request).read())) == dataset(open(file, "rb").read()), file


def main():
    folder, files = sys.argv[1], sys.argv[2:]
    server, root, port = start(folder)
    try:
        stow(root, files[0])
        subprocess.run(["storescu", "-R", "127.0.0.1", str(port), *files[1:]], check=True)
        for file in files:
            check(root, file)
    finally:
        server.kill()  # its files go with the test's folder
        server.wait()


main()
