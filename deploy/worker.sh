#!/bin/sh
# What a worker container does: the pool, the deployments, then work.
set -eu
prefect --no-prompt work-pool create defectory --type process --overwrite --base-job-template deploy/work-pool.json
prefect --no-prompt deploy --all --prefect-file deploy/prefect.yaml
exec prefect worker start --pool defectory --type process
