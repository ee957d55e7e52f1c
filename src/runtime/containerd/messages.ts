// Made of the .proto files in proto/ by tools/messages.mjs.

import { blob, flag, many, message, method, one, text, textMap, texts, whole } from './wire.ts';

/** google.protobuf.Timestamp */
const googleTimestamp = message({ seconds: whole(1), nanos: whole(2) });

/** containerd.services.containers.v1.Container */
const containersContainer = message({
  id: text(1),
  labels: textMap(2),
  image: text(3),
  snapshotter: text(6),
  snapshotKey: text(7),
  createdAt: one(8, googleTimestamp),
});

/** containerd.services.containers.v1.ListContainersRequest */
const containersListContainersRequest = message({ filters: texts(1) });

/** containerd.services.containers.v1.ListContainersResponse */
const containersListContainersResponse = message({ containers: many(1, containersContainer) });

/** containerd.services.content.v1.Info */
const contentInfo = message({ digest: text(1), size: whole(2), labels: textMap(5) });

/** containerd.services.content.v1.ListContentRequest */
const contentListContentRequest = message({ filters: texts(1) });

/** containerd.services.content.v1.ListContentResponse */
const contentListContentResponse = message({ info: many(1, contentInfo) });

/** containerd.services.content.v1.ReadContentRequest */
const contentReadContentRequest = message({ digest: text(1) });

/** containerd.services.content.v1.ReadContentResponse */
const contentReadContentResponse = message({ data: blob(2) });

/** runtime.v1.VersionRequest */
const criVersionRequest = message({});

/** runtime.v1.VersionResponse */
const criVersionResponse = message({ runtimeName: text(2), runtimeVersion: text(3) });

/** runtime.v1.StatusRequest */
const criStatusRequest = message({ verbose: flag(1) });

/** runtime.v1.StatusResponse */
const criStatusResponse = message({ info: textMap(2) });

/** runtime.v1.ImageSpec */
const criImageSpec = message({ image: text(1) });

/** runtime.v1.ContainerMetadata */
const criContainerMetadata = message({ name: text(1) });

/** runtime.v1.Container */
const criContainer = message({
  id: text(1),
  metadata: one(3, criContainerMetadata),
  image: one(4, criImageSpec),
  imageRef: text(5),
  state: whole(6),
  createdAt: whole(7),
  labels: textMap(8),
  imageId: text(10),
});

/** runtime.v1.ListContainersRequest */
const criListContainersRequest = message({});

/** runtime.v1.ListContainersResponse */
const criListContainersResponse = message({ containers: many(1, criContainer) });

/** runtime.v1.Mount */
const criMount = message({ image: one(9, criImageSpec) });

/** runtime.v1.ContainerStatus */
const criContainerStatus = message({ id: text(1), imageRef: text(9), mounts: many(14, criMount), imageId: text(17) });

/** runtime.v1.ContainerStatusRequest */
const criContainerStatusRequest = message({ containerId: text(1) });

/** runtime.v1.ContainerStatusResponse */
const criContainerStatusResponse = message({ status: one(1, criContainerStatus) });

/** runtime.v1.GetEventsRequest */
const criGetEventsRequest = message({});

/** runtime.v1.ContainerEventResponse */
const criContainerEventResponse = message({
  containerId: text(1),
  containerEventType: whole(2),
  createdAt: whole(3),
  containersStatuses: many(5, criContainerStatus),
});

/** runtime.v1.Image */
const criImage = message({ id: text(1), repoTags: texts(2), repoDigests: texts(3), size: whole(4), pinned: flag(8) });

/** runtime.v1.ListImagesRequest */
const criListImagesRequest = message({});

/** runtime.v1.ListImagesResponse */
const criListImagesResponse = message({ images: many(1, criImage) });

/** runtime.v1.ImageStatusRequest */
const criImageStatusRequest = message({ image: one(1, criImageSpec) });

/** runtime.v1.ImageStatusResponse */
const criImageStatusResponse = message({ image: one(1, criImage) });

/** runtime.v1.RemoveImageRequest */
const criRemoveImageRequest = message({ image: one(1, criImageSpec) });

/** runtime.v1.RemoveImageResponse */
const criRemoveImageResponse = message({});

/** runtime.v1.FilesystemIdentifier */
const criFilesystemIdentifier = message({ mountpoint: text(1) });

/** runtime.v1.FilesystemUsage */
const criFilesystemUsage = message({ fsId: one(2, criFilesystemIdentifier) });

/** runtime.v1.ImageFsInfoRequest */
const criImageFsInfoRequest = message({});

/** runtime.v1.ImageFsInfoResponse */
const criImageFsInfoResponse = message({ imageFilesystems: many(1, criFilesystemUsage) });

/** containerd.events.Subject */
export const eventBodiesSubject = message({ id: text(1) });

/** containerd.events.TaskExit */
export const eventBodiesTaskExit = message({ containerId: text(1), id: text(2) });

/** containerd.events.SnapshotPrepare */
export const eventBodiesSnapshotPrepare = message({ key: text(1), parent: text(2) });

/** containerd.services.events.v1.SubscribeRequest */
const eventsSubscribeRequest = message({ filters: texts(1) });

/** google.protobuf.Any */
const googleAny = message({ typeUrl: text(1), value: blob(2) });

/** google.protobuf.Empty */
const googleEmpty = message({});

/** containerd.types.Descriptor */
const typesDescriptor = message({ mediaType: text(1), digest: text(2), size: whole(3), annotations: textMap(5) });

/** containerd.services.images.v1.Image */
const imagesImage = message({ name: text(1), labels: textMap(2), target: one(3, typesDescriptor) });

/** containerd.services.images.v1.GetImageRequest */
const imagesGetImageRequest = message({ name: text(1) });

/** containerd.services.images.v1.GetImageResponse */
const imagesGetImageResponse = message({ image: one(1, imagesImage) });

/** containerd.services.images.v1.CreateImageRequest */
const imagesCreateImageRequest = message({ image: one(1, imagesImage) });

/** containerd.services.images.v1.CreateImageResponse */
const imagesCreateImageResponse = message({});

/** containerd.services.images.v1.ListImagesRequest */
const imagesListImagesRequest = message({ filters: texts(1) });

/** containerd.services.images.v1.ListImagesResponse */
const imagesListImagesResponse = message({ images: many(1, imagesImage) });

/** containerd.services.images.v1.DeleteImageRequest */
const imagesDeleteImageRequest = message({ name: text(1), sync: flag(2), target: one(3, typesDescriptor) });

/** containerd.services.introspection.v1.Problem */
const introspectionProblem = message({ code: whole(1) });

/** containerd.services.introspection.v1.Plugin */
const introspectionPlugin = message({ type: text(1), id: text(2), exports: textMap(5), initErr: one(7, introspectionProblem) });

/** containerd.services.introspection.v1.PluginsRequest */
const introspectionPluginsRequest = message({ filters: texts(1) });

/** containerd.services.introspection.v1.PluginsResponse */
const introspectionPluginsResponse = message({ plugins: many(1, introspectionPlugin) });

/** containerd.services.introspection.v1.ServerResponse */
const introspectionServerResponse = message({ uuid: text(1) });

/** containerd.services.leases.v1.Lease */
const leasesLease = message({ id: text(1), labels: textMap(3) });

/** containerd.services.leases.v1.CreateRequest */
const leasesCreateRequest = message({ id: text(1), labels: textMap(3) });

/** containerd.services.leases.v1.CreateResponse */
const leasesCreateResponse = message({});

/** containerd.services.leases.v1.DeleteRequest */
const leasesDeleteRequest = message({ id: text(1), sync: flag(2) });

/** containerd.services.leases.v1.ListRequest */
const leasesListRequest = message({ filters: texts(1) });

/** containerd.services.leases.v1.ListResponse */
const leasesListResponse = message({ leases: many(1, leasesLease) });

/** containerd.services.leases.v1.Resource */
const leasesResource = message({ id: text(1), type: text(2) });

/** containerd.services.leases.v1.AddResourceRequest */
const leasesAddResourceRequest = message({ id: text(1), resource: one(2, leasesResource) });

/** containerd.services.leases.v1.ListResourcesRequest */
const leasesListResourcesRequest = message({ id: text(1) });

/** containerd.services.leases.v1.ListResourcesResponse */
const leasesListResourcesResponse = message({ resources: many(1, leasesResource) });

/** containerd.services.namespaces.v1.Namespace */
const namespacesNamespace = message({ name: text(1) });

/** containerd.services.namespaces.v1.ListNamespacesRequest */
const namespacesListNamespacesRequest = message({ filter: text(1) });

/** containerd.services.namespaces.v1.ListNamespacesResponse */
const namespacesListNamespacesResponse = message({ namespaces: many(1, namespacesNamespace) });

/** containerd.services.snapshots.v1.Info */
const snapshotsInfo = message({ name: text(1), parent: text(2), kind: whole(3) });

/** containerd.services.snapshots.v1.ListSnapshotsRequest */
const snapshotsListSnapshotsRequest = message({ snapshotter: text(1), filters: texts(2) });

/** containerd.services.snapshots.v1.ListSnapshotsResponse */
const snapshotsListSnapshotsResponse = message({ info: many(1, snapshotsInfo) });

/** containerd.services.snapshots.v1.UsageRequest */
const snapshotsUsageRequest = message({ snapshotter: text(1), key: text(2) });

/** containerd.services.snapshots.v1.UsageResponse */
const snapshotsUsageResponse = message({ size: whole(1) });

/** containerd.services.tasks.v1.Process */
const tasksProcess = message({ id: text(2), status: whole(4), exitedAt: one(10, googleTimestamp) });

/** containerd.services.tasks.v1.ListTasksRequest */
const tasksListTasksRequest = message({ filter: text(1) });

/** containerd.services.tasks.v1.ListTasksResponse */
const tasksListTasksResponse = message({ tasks: many(1, tasksProcess) });

/** containerd.types.Envelope */
const typesEnvelope = message({ timestamp: one(1, googleTimestamp), namespace: text(2), topic: text(3), event: one(4, googleAny) });

/** containerd.services.version.v1.VersionResponse */
const versionVersionResponse = message({ version: text(1) });

/** The calls of containerd.services.containers.v1.Containers. */
export const containersApi = {
  list: method('/containerd.services.containers.v1.Containers/List', containersListContainersRequest, containersListContainersResponse),
};

/** The calls of containerd.services.content.v1.Content. */
export const contentApi = {
  list: method('/containerd.services.content.v1.Content/List', contentListContentRequest, contentListContentResponse),
  read: method('/containerd.services.content.v1.Content/Read', contentReadContentRequest, contentReadContentResponse),
};

/** The calls of runtime.v1.RuntimeService. */
export const runtimeServiceApi = {
  version: method('/runtime.v1.RuntimeService/Version', criVersionRequest, criVersionResponse),
  status: method('/runtime.v1.RuntimeService/Status', criStatusRequest, criStatusResponse),
  listContainers: method('/runtime.v1.RuntimeService/ListContainers', criListContainersRequest, criListContainersResponse),
  containerStatus: method('/runtime.v1.RuntimeService/ContainerStatus', criContainerStatusRequest, criContainerStatusResponse),
  getContainerEvents: method('/runtime.v1.RuntimeService/GetContainerEvents', criGetEventsRequest, criContainerEventResponse),
};

/** The calls of runtime.v1.ImageService. */
export const imageServiceApi = {
  listImages: method('/runtime.v1.ImageService/ListImages', criListImagesRequest, criListImagesResponse),
  imageStatus: method('/runtime.v1.ImageService/ImageStatus', criImageStatusRequest, criImageStatusResponse),
  removeImage: method('/runtime.v1.ImageService/RemoveImage', criRemoveImageRequest, criRemoveImageResponse),
  imageFsInfo: method('/runtime.v1.ImageService/ImageFsInfo', criImageFsInfoRequest, criImageFsInfoResponse),
};

/** The calls of containerd.services.events.v1.Events. */
export const eventsApi = { subscribe: method('/containerd.services.events.v1.Events/Subscribe', eventsSubscribeRequest, typesEnvelope) };

/** The calls of containerd.services.images.v1.Images. */
export const imagesApi = {
  get: method('/containerd.services.images.v1.Images/Get', imagesGetImageRequest, imagesGetImageResponse),
  list: method('/containerd.services.images.v1.Images/List', imagesListImagesRequest, imagesListImagesResponse),
  create: method('/containerd.services.images.v1.Images/Create', imagesCreateImageRequest, imagesCreateImageResponse),
  delete: method('/containerd.services.images.v1.Images/Delete', imagesDeleteImageRequest, googleEmpty),
};

/** The calls of containerd.services.introspection.v1.Introspection. */
export const introspectionApi = {
  plugins: method('/containerd.services.introspection.v1.Introspection/Plugins', introspectionPluginsRequest, introspectionPluginsResponse),
  server: method('/containerd.services.introspection.v1.Introspection/Server', googleEmpty, introspectionServerResponse),
};

/** The calls of containerd.services.leases.v1.Leases. */
export const leasesApi = {
  create: method('/containerd.services.leases.v1.Leases/Create', leasesCreateRequest, leasesCreateResponse),
  delete: method('/containerd.services.leases.v1.Leases/Delete', leasesDeleteRequest, googleEmpty),
  list: method('/containerd.services.leases.v1.Leases/List', leasesListRequest, leasesListResponse),
  addResource: method('/containerd.services.leases.v1.Leases/AddResource', leasesAddResourceRequest, googleEmpty),
  listResources: method('/containerd.services.leases.v1.Leases/ListResources', leasesListResourcesRequest, leasesListResourcesResponse),
};

/** The calls of containerd.services.namespaces.v1.Namespaces. */
export const namespacesApi = {
  list: method('/containerd.services.namespaces.v1.Namespaces/List', namespacesListNamespacesRequest, namespacesListNamespacesResponse),
};

/** The calls of containerd.services.snapshots.v1.Snapshots. */
export const snapshotsApi = {
  list: method('/containerd.services.snapshots.v1.Snapshots/List', snapshotsListSnapshotsRequest, snapshotsListSnapshotsResponse),
  usage: method('/containerd.services.snapshots.v1.Snapshots/Usage', snapshotsUsageRequest, snapshotsUsageResponse),
};

/** The calls of containerd.services.tasks.v1.Tasks. */
export const tasksApi = { list: method('/containerd.services.tasks.v1.Tasks/List', tasksListTasksRequest, tasksListTasksResponse) };

/** The calls of containerd.services.version.v1.Version. */
export const versionApi = { version: method('/containerd.services.version.v1.Version/Version', googleEmpty, versionVersionResponse) };
