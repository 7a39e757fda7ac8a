"""1,500 hostile connections of one address, of each kind: how long do honest clients wait?"""

import asyncio
import multiprocessing
import sys
import time

import attacking

HOSTILE = 1500
SECONDS = 20
ATTACKER, OTHER = "127.0.0.2", "127.0.0.3"

KINDS = {
    "idle": "say nothing",
    "slow head": "send a line of a head each second",
    "keep-alive": "ask for /healthz, and again after 10 s",
    "slow read": "ask for 64 MiB with a token, take a byte each 10 s",
    "drip": "the same, take 2 KiB a second",
}


async def is_closed(reader, seconds):
    """Waits for so long, or until the server closes the connection."""
    try:
        return not await asyncio.wait_for(reader.read(1024), seconds)
    except asyncio.TimeoutError:
        return False
    except OSError:
        return True


async def hostile(port, kind, token):
    """One connection that does so, and again as soon as it is closed."""
    request = "GET /tarballs/greeting-1.1.0.tar HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n" % token
    while True:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, limit=1024, local_addr=(ATTACKER, 0))
        except OSError:
            await asyncio.sleep(0.5)
            continue
        try:
            if kind == "idle":
                await reader.read(1)
            elif kind == "slow head":
                writer.write(b"GET /names HTTP/1.1\r\nHost: localhost\r\n")
                while not await is_closed(reader, 1):
                    writer.write(b"X-Slow: 1\r\n")
            elif kind == "keep-alive":
                while True:
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if not await reader.read(1024) or await is_closed(reader, 10):
                        break
            else:
                size, pause = (1, 10) if kind == "slow read" else (2048, 1)
                writer.write(request.encode())
                while await reader.read(size):
                    await asyncio.sleep(pause)
        except (OSError, RuntimeError):
            pass
        writer.close()
        await asyncio.sleep(0.2)


def attack(port, kind, token):
    attacking.allow_files()

    async def all_of_them():
        await asyncio.gather(*(hostile(port, kind, token) for _ in range(HOSTILE)))

    asyncio.run(all_of_them())


def main():
    attacking.allow_files()
    is_well = True
    print(f"{HOSTILE} connections of one address for {SECONDS} s, --max-connections=1000, with a token each time:\n")
    print("| they | longest wait of another address | of the same address | of `/healthz` | answers | "
          "refused before | closed by the server | peak memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind, meaning in KINDS.items():
        with attacking.repository() as (folder, token):
            (folder / "public/tarballs/greeting-1.1.0.tar").write_bytes(b"x" * (64 << 20))
            arguments = [f"--auth-file={folder / 'readers'}", "--max-connections=1000",
                         "--trusted-proxy=192.0.2.1", "--log-format=off"]
            with attacking.serve(folder, *arguments) as server:
                process = multiprocessing.Process(target=attack, args=(server.port, kind, token), daemon=True)
                process.start()
                time.sleep(3)
                headers = [f"Authorization: {token}"]
                waits = attacking.watch(server.port, [
                    (OTHER, "/names", headers), (ATTACKER, "/names", headers),
                    (OTHER, "/healthz", []), (ATTACKER, "/healthz", [])], SECONDS)
                counts = [line for line in server.metrics().splitlines()
                          if line.startswith("hexreg_refusals_total") and not line.endswith(" 0")]
                closed = ", ".join(line.split('"')[1] + line.split("}")[1] for line in counts)
                peak = server.peak_mebibytes()
                process.kill()
                process.join()
        other, same = waits[OTHER, "/names"], waits[ATTACKER, "/names"]
        health = max(waits[OTHER, "/healthz"][0], waits[ATTACKER, "/healthz"][0])
        answers = sum(count for _, _, count, _ in waits.values())
        refused = sum(refused for *_, refused in waits.values())
        is_well &= max(other[0], same[0], health) <= attacking.LONGEST
        print(f"| {meaning} | {other[0]:.3f} s | {same[0]:.3f} s | {health:.3f} s | {answers} | {refused} | "
              f"{closed} | {peak:.0f} MiB |", flush=True)
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
