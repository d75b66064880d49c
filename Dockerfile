# ketfc with everything at fixed versions. From a clone:  docker build -t ketfc .
#
#   docker run --rm -u "$(id -u):$(id -g)" -v /data:/data:ro -v "$PWD:/work" ketfc --configfile my.yaml --cores 8
#
# The base is pinned by its tag; add its digest (debian:12.12-slim@sha256:...) where builds must be the same for ever.
ARG BASE=docker.io/library/debian:12.12-slim
FROM ${BASE}

RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

LABEL org.opencontainers.image.title="ketfc" \
    org.opencontainers.image.version="0.2.0" \
    org.opencontainers.image.licenses="BSD-3-Clause"

ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# which of the two tested pairs: snakemake-9.15.txt or snakemake-9.27.txt
ARG PINS=snakemake-9.15.txt
# cloud-9.15.txt adds what docs/cloud.md needs to the first pair
ARG MORE=
COPY requirements/ /opt/ketfc/requirements/
# nothing is compiled; of connection-pool, pure Python, there is no wheel
RUN python3 -m venv /opt/venv \
    && pip install --require-hashes --only-binary :all: --no-binary connection-pool \
        -r "/opt/ketfc/requirements/${PINS}" ${MORE:+-r "/opt/ketfc/requirements/${MORE}"}

COPY pyproject.toml README.md LICENSE Snakefile /opt/ketfc/
COPY atlases/ /opt/ketfc/atlases/
COPY config/ /opt/ketfc/config/
COPY workflow/ /opt/ketfc/workflow/
RUN ln -s workflow/profiles /opt/ketfc/profiles \
    && pip install --no-deps --no-build-isolation -e /opt/ketfc \
    && pip check

# any user may run it: caches of matplotlib and Snakemake go where everybody may write
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1
RUN useradd --no-create-home --uid 1000 ketfc && install -d -o ketfc -g ketfc /work
USER ketfc
WORKDIR /work
ENTRYPOINT ["snakemake", "-s", "/opt/ketfc/Snakefile"]
