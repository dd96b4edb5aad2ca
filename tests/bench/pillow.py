# pillow.py IMAGE.pgm RESULT.pgm COUNT: the CPU seconds of Pillow's resize to 768 x 768, one of COUNT.
import sys
import time

from PIL import Image

image = Image.open(sys.argv[1])
image.load()
count = int(sys.argv[3])
start = time.process_time()
for _ in range(count):
    result = image.resize((768, 768), Image.BILINEAR)
print((time.process_time() - start) / count)
result.save(sys.argv[2])
