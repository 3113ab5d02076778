/** What the page is given: one JSON object, made by niicorr.report. Declared for `tsc --checkJs`; never shipped inside a page. */

type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** Deflated bytes in base64; with `delta` each byte is the difference to the one before, modulo 256. */
interface Packed { dtype: "<f4" | "<f8" | "<i4" | "<u4" | "u1"; shape: number[]; data: string; delta?: boolean }

interface MapInfo {
  path: string; shape: number[]; voxel_mm: (number | null)[]; orientation: string; dtype: string; background: string;
  n_voxels: number; coverage: number; decisions: { topic: string; text: string }[]; error: string | null;
}

interface MapSet { name: string; labels: string[]; groups: Record<string, string[]>; maps: MapInfo[] }

type CellName = "r" | "n" | "n_effective" | "ci_low" | "ci_high" | "p" | "q" | "p_fwe" | "p_x_random" | "p_y_random"
  | "zeros_matter" | "naive";

type Merge = [number, number, number];

interface Permutation {
  rows: number[]; cols: number[]; row_tree?: Merge[] | null; col_tree?: Merge[] | null; by?: string;
}

/** Byte u of a map's data: 0 is missing, else lo + (u - 1) / 254 * (hi - lo); symmetric: values on both sides of 0. */
interface MapEntry { lo: number; hi: number; symmetric: boolean; clipped?: boolean; data?: Packed; file?: string }

interface Space {
  shape: [number, number, number]; affine: number[][]; mni: boolean; known?: boolean; voxels: Packed;
  template: { shape: [number, number, number]; affine: number[][]; data: Packed } | null;
}

interface Regions {
  names: string[]; networks: string[]; hemispheres: string[]; centroids: ([number, number, number] | null)[];
  n_voxels: number[]; values: Packed | null; mni: boolean;
}

interface Nulls {
  lags_mm?: number[]; x?: Packed; y?: Packed; x_fit?: Packed; y_fit?: Packed;
  histogram?: { edges: number[]; counts: Packed };
}

interface Payload {
  schema: number; kind: "maps" | "rois"; title: string; sentence: string;
  head: { level: "warning" | "note"; text: string }[];
  facts?: { label: string; value: string; cell?: [number, number] }[];
  part?: boolean;
  measure: { name: string; names: string; symbol: string }; unit: string;
  null: { model: string; text: string; fdr: string; alternative: string };
  same_set: boolean; x: MapSet; y?: MapSet;
  cells: Partial<Record<CellName, Packed>>; notes: [number, number, string][];
  orders: { given: Permutation; name: Permutation; group?: Permutation | null; cluster: Permutation | null };
  vmax: number; colormaps: Record<string, string[]>;
  space: Space | null;
  maps: { mode: "inline" | "files" | "top" | "none"; text?: string; x: (MapEntry | null)[]; y?: (MapEntry | null)[] } | null;
  regions: Regions | null; nulls: Nulls | null;
  series?: { label: string; t_r: number | null; values: Packed }[] | null;
  open?: [number, number] | null; embedded?: boolean;
  pairs?: Record<string, { slope: number; intercept: number }>;
  quality: {
    grids: { text: string; count: number; maps: string[] }[];
    sensitivity: { text: string; largest_error: number; flips: number; cells: number } | null;
    mosaic: { set: "x" | "y"; index: number; label: string; png: string }[];
  };
  methods: { text: string; references: string[] };
  run: {
    command: string | null; version: string; versions: Record<string, string>; seconds: number | null;
    timings?: Record<string, number>; hashes: { path: string; size: number | null; blake2b: string | null }[];
    options: Record<string, unknown>;
  };
  files: Record<string, string>;
}

interface Window { niicorrMap?: (set: "x" | "y", index: number, entry: MapEntry) => void }
