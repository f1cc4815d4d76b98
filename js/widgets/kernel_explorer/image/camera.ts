/** The camera: asks first, and its pictures never leave the browser. */

import { signal, type ReadonlySignal } from "@preact/signals-core";

import { onEnd, within } from "../../../shared/lifetime.ts";
import type { Planes } from "./planes.ts";
import { PixelReader, toPlanes } from "./upload.ts";

const LONGEST = 192;

export interface Camera {
  readonly on: ReadonlySignal<boolean>;
  /** Whether the picture stands still. */
  readonly frozen: ReadonlySignal<boolean>;
  /** Rejects with a sentence's key. */
  readonly start: () => Promise<void>;
  readonly freeze: () => void;
  readonly stop: () => void;
}

export class CameraError extends Error {
  constructor(readonly key: "camera_none" | "camera_refused") {
    super(key);
  }
}

export function camera(show: (image: Planes | null) => void, lifetime: AbortSignal): Camera {
  const on = signal(false);
  const frozen = signal(false);
  let run = within(lifetime);
  const stop = () => {
    run.abort();
    on.value = false;
    frozen.value = false;
    show(null);
  };
  const film = (stream: MediaStream, running: AbortSignal) => {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    const reader = new PixelReader();
    let frame = 0;
    const next = () => {
      frame = requestAnimationFrame(next);
      if (frozen.peek() || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
      show(toPlanes(reader.read(video, video.videoWidth, video.videoHeight, LONGEST)));
    };
    onEnd(running, () => {
      cancelAnimationFrame(frame);
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    });
    next();
    return video.play();
  };
  return {
    on,
    frozen,
    stop,
    freeze: () => (frozen.value = !frozen.peek()),
    start: async () => {
      // Pages that are not served securely have no devices.
      const devices = navigator.mediaDevices as MediaDevices | undefined;
      if (devices === undefined) throw new CameraError("camera_none");
      run.abort();
      run = within(lifetime);
      const { signal: running } = run;
      let stream: MediaStream;
      try {
        stream = await devices.getUserMedia({ video: { width: 640 }, audio: false });
      } catch (error) {
        if (error instanceof DOMException && error.name === "NotAllowedError") {
          throw new CameraError("camera_refused");
        }
        throw new CameraError("camera_none");
      }
      if (running.aborted) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      on.value = true;
      await film(stream, running);
    },
  };
}
