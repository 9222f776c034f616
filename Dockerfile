# Everything that a run needs, from the same locks and by the same line of the Makefile (docs/requirements.md, "In a container").
#
#   docker build --tag blemore .                              torch for the CPU
#   docker build --tag blemore --build-arg TORCH=cuda .       torch with CUDA
FROM python:3.12-slim-bookworm
ARG TORCH=cpu

RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*

# No clip, no result, no key: only what is named here, and in .dockerignore, gets into the image.
WORKDIR /opt/blemore
COPY Makefile pyproject.toml README.md LICENSE requirements.lock requirements-cuda.lock ./
COPY envs envs
COPY src src
RUN TORCH=$TORCH make .venv/runtime && rm -rf /root/.cache

# The study is mounted; its own code runs, with the image's packages. Its user may have no home there.
ENV PATH=/opt/blemore/.venv/bin:$PATH PYTHONPATH=/study/src XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/cache/matplotlib
WORKDIR /study
CMD ["sh", "-c", "blemore recover && snakemake submission $(python envs/limits.py default)"]
