// memcli for opencode: asks `mem hook opencode EVENT` and hands what it says to the model.
// Installed by `mem hooks install --agent opencode`; delete this file to remove it.
import { spawn } from "node:child_process"

const MEM = "mem"
const CAPTURE = false // true: finished turns are told to mem as well, which keeps them if you asked for that
const LIMIT_MS = 5000 // mem itself ends sooner; on a busy machine starting it takes time
const SESSIONS = 100 // of this many sessions the text is kept

// What mem answers, or "": a missing, failing or slow mem is silence, and never holds a session up.
const ask = (event, payload) =>
  new Promise((resolve) => {
    let child
    let out = ""
    const timer = setTimeout(() => {
      try {
        child?.kill("SIGKILL")
      } catch {}
      resolve("")
    }, LIMIT_MS)
    const done = (text) => {
      clearTimeout(timer)
      resolve(text)
    }
    try {
      child = spawn(MEM, ["hook", "opencode", event], { stdio: ["pipe", "pipe", "ignore"], windowsHide: true })
      child.on("error", () => done(""))
      child.on("close", () => done(out))
      child.stdout.on("data", (data) => (out += data))
      child.stdin.on("error", () => {})
      child.stdin.end(JSON.stringify(payload))
    } catch {
      done("")
    }
  })

const context = async (event, payload) => {
  try {
    const text = JSON.parse(await ask(event, payload)).additionalContext
    return typeof text === "string" ? text : ""
  } catch {
    return ""
  }
}

const keep = (map, key, value) => {
  map.delete(key)
  map.set(key, value)
  if (map.size > SESSIONS) map.delete(map.keys().next().value)
  return value
}

export const MemcliPlugin = async ({ directory }) => {
  const started = new Map() // session → what mem said at its start: asked once, so that the prompt's cache holds
  const turn = new Map() // session → what mem said to its last prompt

  return {
    "chat.message": async (input, output) => {
      try {
        const prompt = output.parts
          .filter((part) => part.type === "text" && !part.synthetic)
          .map((part) => part.text)
          .join("\n")
        const payload = { session_id: input.sessionID, cwd: directory, message_id: output.message?.id, prompt }
        keep(turn, input.sessionID, await context("chat.message", payload))
      } catch {}
    },
    "experimental.chat.system.transform": async (input, output) => {
      try {
        const id = input.sessionID
        if (!id || output.system.join("\n").includes("You are a title generator")) return
        if (!started.has(id)) keep(started, id, context("session.start", { session_id: id, cwd: directory }))
        for (const text of [await started.get(id), turn.get(id)]) if (text) output.system.push(text)
      } catch {}
    },
    "experimental.session.compacting": async (input) => {
      if (CAPTURE) await ask("session.compacting", { session_id: input.sessionID, cwd: directory })
      started.delete(input.sessionID)
    },
    event: async ({ event }) => {
      if (CAPTURE && event?.type === "session.idle")
        await ask("session.idle", { session_id: event.properties?.sessionID, cwd: directory })
    },
  }
}
