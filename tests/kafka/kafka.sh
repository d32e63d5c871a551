#!/usr/bin/env bash
# A real Apache Kafka for tests. It needs Java 17 and, to fetch, Maven.
set -euo pipefail

version=4.3.1

usage() {
    cat <<'TEXT'
kafka.sh fetch              fetch the broker's jars, once
kafka.sh home               print the folder of the jars, or say what is missing
kafka.sh format DIR [ARGS]  make a node's folder; DIR/server.properties may be there
kafka.sh start DIR          start the node of DIR, return when it serves
kafka.sh stop DIR           stop it
kafka.sh run DIR            be the node of DIR, logging to DIR/broker.log
kafka.sh tool CLASS [ARGS]  run one of Kafka's command line tools

LYCEUM_KAFKA_CACHE  where jars are kept (default: a folder of the user's cache)
LYCEUM_KAFKA_PORT   where a node listens that format configures (default: 9092;
                    the controller takes the next port)
LYCEUM_KAFKA_JVM    more flags for the JVM, such as -Xmx1g
TEXT
}

fail() {
    echo "kafka.sh: $*" >&2
    exit 1
}

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
home=${LYCEUM_KAFKA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/lyceum-kafka}/$version

need_java() {
    local major
    major=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p') || true
    [ -n "$major" ] || fail "Kafka $version needs Java 17 or newer, and $java does not run here"
    [ "$major" -ge 17 ] || fail "Kafka $version needs Java 17 or newer, and $java is Java $major"
}

need_jars() { [ -d "$home" ] || fail "Kafka $version is not here; fetch it with tests/kafka/kafka.sh fetch"; }

# Small and quick to start rather than quick: of two cores the tests want one.
jvm() { # main class, arguments
    local jars=("$home"/*.jar) archive=()
    if [ -f "$home/classes.jsa" ]; then
        # Ignored by a JVM other than the one that wrote it.
        archive=(-XX:SharedArchiveFile="$home/classes.jsa")
    fi
    local classpath
    classpath=$(IFS=:; echo "${jars[*]}")
    # shellcheck disable=SC2086 # LYCEUM_KAFKA_JVM is a list
    exec "$java" -Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -XX:+ExitOnOutOfMemoryError -Xlog:disable -Xlog:all=error:stderr \
        -Djdk.nio.maxCachedBufferSize=262144 \
        -Dorg.slf4j.simpleLogger.showDateTime=true \
        -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS \
        -Dorg.slf4j.simpleLogger.defaultLogLevel="${log_level:-info}" \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn \
        ${archive[@]+"${archive[@]}"} ${LYCEUM_KAFKA_JVM:-} -cp "$classpath" "$@"
}

fetch() {
    need_java
    if [ ! -d "$home" ]; then
        command -v mvn >/dev/null || fail "fetching Kafka $version needs Maven (mvn)"
        mkdir -p "$(dirname "$home")"
        draft=$(mktemp -d "$home.XXXXXX")
        trap 'rm -rf -- "$draft"' EXIT
        mvn -B -q -C -Dstyle.color=never -f "$(dirname "${BASH_SOURCE[0]}")/pom.xml" dependency:copy-dependencies \
            -Dkafka.version="$version" -DoutputDirectory="$draft" >&2
        chmod 755 "$draft"
        # What a node without users begins with: tests copy it, which is quicker
        # than to format.
        (home=$draft && format "$draft/formatted" >/dev/null) || fail "cannot format a node"
        mv "$draft/formatted/data/bootstrap.checkpoint" "$draft" && rm -r "$draft/formatted"
        # It may have been fetched twice at once.
        [ -d "$home" ] || mv "$draft" "$home"
    fi
    [ -f "$home/classes.jsa" ] || archive_classes || echo "kafka.sh: no class archive: brokers start slowly" >&2
    echo "$home"
}

# archive_classes writes the classes that a broker loads as the JVM maps them:
# a broker starts in half the time with them.
archive_classes() (
    scratch=$(mktemp -d)
    made="$home/classes.jsa.$$"
    trap 'kill -9 "$(cat "$scratch/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf -- "$scratch" "$made"' EXIT
    export LYCEUM_KAFKA_PORT=$((20000 + RANDOM % 12000))
    (format "$scratch" >/dev/null) || return 1
    (LYCEUM_KAFKA_JVM="-XX:ArchiveClassesAtExit=$made" start "$scratch") || return 1
    # It is written when the broker has stopped.
    stop "$scratch"
    [ -f "$made" ] && mv "$made" "$home/classes.jsa"
)

format() { # folder, arguments
    local dir port=${LYCEUM_KAFKA_PORT:-9092}
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    shift
    if [ ! -f "$dir/server.properties" ]; then
        cat >"$dir/server.properties" <<TEXT
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$dir/data
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
TEXT
    fi
    # Any 16 bytes are the identifier of a cluster.
    local id
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '__' | tr -d '=')
    log_level=warn jvm kafka.tools.StorageTool format --cluster-id "$id" --config "$dir/server.properties" "$@"
}

run() { # folder
    jvm kafka.Kafka "$1/server.properties" >>"$1/broker.log" 2>&1
}

start() { # folder
    local dir=$1 tries
    [ -f "$dir/server.properties" ] || fail "$dir is no node's folder; make it with kafka.sh format $dir"
    if [ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
        fail "the node of $dir runs already"
    fi
    [ ! -f "$dir/broker.log" ] || mv "$dir/broker.log" "$dir/broker.log.before"
    (run "$dir") </dev/null &
    echo $! >"$dir/pid"
    for ((tries = 0; tries < 600; tries++)); do
        grep -q 'Kafka Server started' "$dir/broker.log" 2>/dev/null && return
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$dir/broker.log" >&2
    fail "the node of $dir did not start"
}

stop() { # folder
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || fail "no node of $1 was started"
    kill "$pid" 2>/dev/null && { gone "$pid" || kill -9 "$pid"; }
    rm -f "$1/pid"
}

gone() { # process
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
fetch) fetch ;;
home) need_java && need_jars && echo "$home" ;;
format | start | stop | run | tool)
    [ $# -ge 1 ] || { usage >&2 && exit 2; }
    need_jars
    if [ "$verb" = tool ]; then log_level=warn jvm "$@"; else "$verb" "$@"; fi
    ;;
*) usage >&2 && exit 2 ;;
esac
