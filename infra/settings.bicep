// What both apps are told. One project, two roles: what is not of an app's role is disabled there.

param orchestratorClientId string
param gpuClientId string
param hostStorage string
param blobEndpoint string
param bus string
param schedulerEndpoint string
param insightsConnection string
param checkpoint string
param decoder string
param durable string
param queue string
param curationDataset string
param curationCron string

@description('Names of captioners\' keys; the key vault holds a secret for each.')
param captionerKeys string[]
param vault string

@description('Triggers of the orchestrator; the gpu app has none of them.')
var orchestratorFunctions = [
  'CurateDataset'
  'DeliverWebhook'
  'GenerateImages'
  'RunBatchFile'
  'RunJob'
  'RunSchedule'
  'PlanImages'
  'OpenBatches'
  'SendBatch'
  'GiveUpBatch'
  'ReportChunk'
  'CloseRun'
  'PlanShards'
  'IngestShard'
  'LinkDuplicates'
  'CaptionShard'
  'ScoreShard'
  'WriteShard'
  'CloseDataset'
  'SendJob'
  'ReadJobEnd'
  'GiveUpJob'
  'StartDelivery'
  'PostWebhook'
  'CheckLines'
  'OpenLines'
  'ReportLines'
  'WriteBatchFiles'
  'NextTick'
  'StartScheduledRun'
  'CurateOnSchedule'
  'PurgeHistories'
  'GetBlob'
  'PostImages'
  'PostAzureImages'
  'PostImageEdits'
  'PostAzureImageEdits'
  'PostImageVariations'
  'PostAzureImageVariations'
  'ListModels'
  'GetModel'
  'PostJob'
  'PutJob'
  'ListJobs'
  'GetJob'
  'DeleteJob'
  'SuspendJob'
  'ResumeJob'
  'PostBatch'
  'PutBatch'
  'ListBatches'
  'GetBatch'
  'DeleteBatch'
  'CancelBatch'
  'SuspendBatch'
  'ResumeBatch'
  'RetryBatch'
  'ReportBatch'
  'PostFile'
  'ListFiles'
  'GetFile'
  'GetFileContent'
  'DeleteFile'
  'PostDatasetRun'
  'GetDatasetRun'
  'DeleteDatasetRun'
  'SuspendDatasetRun'
  'ResumeDatasetRun'
  'RetryDatasetRun'
]

var gpuFunctions = ['RenderFromServiceBus', 'RenderFromStorageQueue']
var unusedTrigger = queue == 'servicebus' ? 'RenderFromStorageQueue' : 'RenderFromServiceBus'

var disabledHere = concat(gpuFunctions, empty(curationDataset) ? ['CurateOnSchedule'] : [])
var disabledThere = concat(orchestratorFunctions, [unusedTrigger])

var journal = durable == 'scheduler'
  ? {}
  : {
      AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'AzureStorage'
      AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'AzureWebJobsStorage'
    }

func common(clientId string, hostStorage string, schedulerEndpoint string, insightsConnection string) object => union(
  {
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
    AZURE_CLIENT_ID: clientId
    AzureWebJobsStorage__accountName: hostStorage
    AzureWebJobsStorage__clientId: clientId
    AzureWebJobsStorage__credential: 'managedidentity'
    TASKHUB_NAME: 'sana'
  },
  empty(schedulerEndpoint)
    ? {}
    : { DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${clientId}' }
)

// Both apps' own code reads the name of the bus; its sign-in is AZURE_CLIENT_ID.
var jobs = queue == 'servicebus' ? { ServiceBus__fullyQualifiedNamespace: '${bus}.servicebus.windows.net' } : {}

// The trigger and its scaler sign in by settings of their own. Only the gpu app has the trigger.
var trigger = queue == 'servicebus' ? { ServiceBus__clientId: gpuClientId, ServiceBus__credential: 'managedidentity' } : {}

// A reference, not a secret: the platform reads it with the app's identity. Names of secrets have hyphens for underscores.
func keys(names string[], vault string) object => toObject(
  names,
  name => name,
  name => '@Microsoft.KeyVault(VaultName=${vault};SecretName=${toLower(replace(name, '_', '-'))})'
)

// The host asks for AzureWebJobs.NAME.Disabled and, because Linux has no dots in names of variables, for AzureWebJobs_NAME_Disabled. Two underscores are a colon, which it does not ask for.
func disabled(names string[]) object => toObject(names, name => 'AzureWebJobs_${name}_Disabled', name => 'true')

output orchestrator object = union(
  common(orchestratorClientId, hostStorage, schedulerEndpoint, insightsConnection),
  jobs,
  journal,
  {
    CurationCron: curationCron
    Sana__Blobs: '${blobEndpoint}sana'
    Sana__CurationDataset: curationDataset
    Sana__CurationSource: '${blobEndpoint}inbox'
    Sana__CurationWeights: '${blobEndpoint}weights'
    Sana__Device: 'cuda'
    Sana__QueueResource: resourceId('Microsoft.ServiceBus/namespaces/queues', bus, 'sana-jobs')
    Sana__Queue: queue
    Sana__Role: 'orchestrator'
  },
  keys(captionerKeys, vault),
  disabled(disabledHere)
)

output gpu object = union(
  common(gpuClientId, hostStorage, schedulerEndpoint, insightsConnection),
  jobs,
  trigger,
  journal,
  {
    CurationCron: curationCron
    Sana__Blobs: '${blobEndpoint}sana'
    Sana__Checkpoint: '/weights/${checkpoint}'
    Sana__Decoder: decoder
    Sana__Device: 'cuda'
    Sana__Queue: queue
    Sana__Role: 'gpu'
    Sana__Weights: '${blobEndpoint}weights/${checkpoint}'
  },
  disabled(disabledThere)
)
