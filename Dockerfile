# niicorr in a container: `docker build -t niicorr .`, then
#   docker run --rm --network none -u "$(id -u):$(id -g)" -v "$PWD:/data" niicorr run -x x/ -y y/ -o out/
# Nothing is fetched at run time, nobody is root, and whatever is cached lies in the work folder.
FROM python:3.12-slim AS build
COPY pyproject.toml constraints.txt README.md LICENSE CITATION.cff /source/
COPY src /source/src
RUN python -m venv /opt/niicorr \
 && /opt/niicorr/bin/pip install --no-cache-dir -c /source/constraints.txt /source

FROM python:3.12-slim
COPY --from=build /opt/niicorr /opt/niicorr
RUN useradd --no-create-home --home-dir /data --uid 1000 niicorr && mkdir /data && chown 1000:1000 /data
ENV PATH=/opt/niicorr/bin:$PATH \
    HOME=/data \
    MPLCONFIGDIR=/tmp/matplotlib \
    NILEARN_DATA=/data/nilearn_data \
    PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["niicorr"]
CMD ["--help"]
